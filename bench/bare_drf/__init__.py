"""What ours is beside: the same with Django REST framework alone, tuned as well as it can be."""
