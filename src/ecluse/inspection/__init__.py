"""What an inspector does: judge a passage from its bundle alone, offline. Looks and answers; drives nothing, touches nothing."""
