"""Which addresses a webhook may go to: those of the public Internet, checked before anything is connected."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

# The special-purpose registries of IANA, written out since what `ipaddress` calls global differs between versions of
# Python. Metadata services of clouds lie inside these, but for one.
_CLOSED_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's platform services, on an address that looks public
            "169.254.0.0/16",  # link-local, and most metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All that is given out as global unicast; mapped, translated, unique-local and multicast addresses lie outside."""
_CLOSED_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, and Teredo, which wraps an IPv4 address
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which wraps an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)

ADDRESSES_MAX: Final = 8
"""More addresses of one name are left out."""

LookUp = Callable[..., list[tuple[Any, ...]]]
"""As socket.getaddrinfo."""


class AddressNotPublic(Exception):
    """The host leads to an address that is not public."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address belongs to the public Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _CLOSED_V6)


def look_up(host: str, port: int, *, allow_private: bool, how: LookUp = socket.getaddrinfo) -> list[Any]:
    """The socket addresses of a host, asked for once: connect to these and never to the name, or it may change.

    Raises AddressNotPublic if one of them isn't and `allow_private` is false; socket.gaierror if there is none.
    """
    found = [entry[4] for entry in how(host, port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(is_public(ip_address(address[0])) for address in found):
        raise AddressNotPublic(f"{host} leads to an address that is not public")
    return found[:ADDRESSES_MAX]
