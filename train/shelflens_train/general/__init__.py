"""A general embedding: what makes two photos the same thing, learnt from many kinds of things."""
