"""The session's cookie: over https it is for https alone, and nothing but the site itself can have set it."""

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface


class Sessions(SecureCookieSessionInterface):
    """Sessions whose cookie follows the scheme of the visitor's request."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Tell whether the cookie may be sent over https only."""
        return request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name: of one that is for https, a page over http could not replace it by its own."""
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name
