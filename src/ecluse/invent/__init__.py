"""An invented laboratory, any size, from a seed: nobody in it exists."""
