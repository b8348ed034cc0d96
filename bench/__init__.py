"""The figures: how fast and in how much memory a sealed passage goes, beside what people would otherwise use. Never part of a test."""
