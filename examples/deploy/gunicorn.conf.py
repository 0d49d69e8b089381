"""gunicorn for an OCPI platform: ``gunicorn --config gunicorn.conf.py wsgi:app``; more options on its command line."""

from __future__ import annotations

bind = "127.0.0.1:8000"
# WEB_CONCURRENCY sets the number of processes, by default 1. A handshake calls back while its request is open, so
# each has threads.
threads = 16
# Longer than nginx keeps an idle connection: it is nginx that closes them, never between a request and its answer.
keepalive = 75
# How long SIGTERM and SIGHUP let open requests end: a handshake takes up to twice OCPI_HTTP_TIMEOUT.
graceful_timeout = 90
timeout = 90
# gunicorn would believe X-Forwarded-Proto from this machine. Whom to believe is FLASK_TRUSTED_PROXIES alone.
forwarded_allow_ips = ""
# A socket in the home folder, which a service has not.
control_socket_disable = True
