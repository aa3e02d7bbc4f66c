"""A Django project, for tests of its deploys and of requests during them."""

import pymysql

pymysql.install_as_MySQLdb()
