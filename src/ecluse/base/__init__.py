"""The ground floor: the words people read, the law, and the two ways of saying no. Imports nothing of Écluse."""
