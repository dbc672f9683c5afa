"""Forward and backward passes on batches."""
