"""The addresses that requests may go to: a guard against calls inside the own network."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urljoin
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from flask_ocpi.errors import BlockedAddressError

_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")

# Networks that ipaddress.is_global lets pass in some version of Python, although no platform is there.
_SPECIAL_NETWORKS = (
    ipaddress.ip_network("192.0.0.0/24"),  # Protocol assignments; also one cloud's metadata service.
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays.
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's platform services.
    ipaddress.ip_network("3fff::/20"),  # Documentation.
)
_PORTS = {"http": 80, "https": 443}
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The addresses that requests may go to: https and public, unless the operator allows others.

    ``allow_private`` lifts both limits; ``allowed_hosts`` names hosts that may have any address, over https.
    """

    allow_private: bool = False
    allowed_hosts: tuple[str, ...] = ()

    def check_url(self, url: str) -> None:
        """Raise BlockedAddressError unless this URL may be called; connecting checks its address."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise BlockedAddressError("The URL is not valid: its host or port cannot be read.") from error
        if not host or _NOT_IN_URLS.search(url):
            raise BlockedAddressError("The URL is not valid: it has no host, or holds spaces or backslashes.")
        if "@" in parts.netloc:
            raise BlockedAddressError(f"The URL of {host} must not carry a user name or password.")
        if parts.scheme not in ("http", "https"):
            raise BlockedAddressError(f"The URL of {host} must be https, not {parts.scheme!r}.")
        if parts.scheme == "http" and not self.allow_private:
            raise BlockedAddressError(
                f"The URL of {host} must be https, not http; set OCPI_HTTP_ALLOW_PRIVATE to allow http."
            )

    def check_address(self, ip: str | _Address, host: str | None = None) -> None:
        """Raise BlockedAddressError unless this IP address, found for ``host``, may be connected to."""
        if self.allow_private or (host is not None and _folded(host) in map(_folded, self.allowed_hosts)):
            return
        if not _is_public(ipaddress.ip_address(ip)):
            raise BlockedAddressError(
                f"{host or 'The host'} has the address {ip}, which is not public; "
                "set OCPI_HTTP_ALLOW_PRIVATE to allow such addresses."
            )


def joined(endpoint: str, path: str = "", query: str = "") -> str:
    """Return the URL of a path (with its slash) below an endpoint; the endpoint's query and last slash stay."""
    parts = urlsplit(endpoint)
    below = parts.path.rstrip("/") + path if path else parts.path
    return urlunsplit(parts._replace(path=below, query="&".join(filter(None, (parts.query, query))), fragment=""))


def moved_by_slash(url: str, location: str | None) -> str | None:
    """Return the target of a redirect if only the slash at the end of the path differs, else None.

    Behind a proxy that ends TLS, many servers redirect to http: the scheme of ``url`` stays.
    """
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location or ""))
    except ValueError:
        return None
    is_moved = here.path != there.path and here.path.rstrip("/") == there.path.rstrip("/")
    if not is_moved or there.query not in ("", here.query):
        return None
    moved = there._replace(scheme=here.scheme) if there.scheme == "http" else there
    if not same_origin(url, urlunsplit(moved)):
        return None
    return urlunsplit(here._replace(path=there.path))


def same_origin(url: str, other: str) -> bool:
    """Tell whether two URLs lead to the same server, so that a token for one may be sent to the other."""
    try:
        return _origin(url) == _origin(other)
    except ValueError:  # the host or port cannot be read
        return False


def _origin(url: str) -> tuple[str, str | None, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.username, _folded(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)


def _is_public(ip: _Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.sixtofour is not None:  # obsolete, and it could lead to any IPv4 address
            return False
        # The rest of the space is reserved, local, multicast, or wraps IPv4 addresses.
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _SPECIAL_NETWORKS)


def _folded(host: str) -> str:
    return host.rstrip(".").lower()
