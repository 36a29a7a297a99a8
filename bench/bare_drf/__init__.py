"""The least that creates an order with Django REST framework, tuned as well as it can be: what ours is beside."""
