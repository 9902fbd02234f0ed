"""The study of barriers at a fixed law of neurons: does the barrier vanish, and how fast?"""
