"""The HTTP API with Django REST Framework: thin views over the use cases."""
