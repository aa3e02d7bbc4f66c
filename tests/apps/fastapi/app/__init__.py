"""A FastAPI application, for tests of its deploys."""
