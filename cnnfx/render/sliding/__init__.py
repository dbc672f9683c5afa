"""The sliding window as an animation."""
