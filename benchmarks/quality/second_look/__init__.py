"""A second look at look-alikes: is it worth having?"""
