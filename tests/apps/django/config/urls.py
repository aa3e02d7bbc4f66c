"""URL configuration for config project."""

from board import views
from django.urls import path

urlpatterns = [
    path("", views.index),
    path("entries", views.entries),
    path("slow", views.slow),
    path("health", views.health),
]
