"""Which addresses a webhook may go to."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from adapters.notifiers.public_addresses import ADDRESSES_MAX, AddressNotPublic, is_public, look_up

CLOSED = """
    0.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
    168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1
    192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 fc00::1 fd00:ec2::254
    fe80::1 fec0::1 ff02::1 2001::1 2001:10::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 4000::1
"""
OPEN = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.1
    192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
    2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001::1
"""


def resolver(*addresses: str) -> Any:
    """One that gives these for every name."""

    def answer(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return answer


class TestAnAddress:
    @pytest.mark.parametrize("address", CLOSED.split())
    def test_of_a_closed_range_is_not_public(self, address: str) -> None:
        assert not is_public(ip_address(address))

    @pytest.mark.parametrize("address", OPEN.split())
    def test_of_the_internet_is_public(self, address: str) -> None:
        assert is_public(ip_address(address))


class TestAName:
    def test_with_one_address_that_is_not_public_is_refused(self) -> None:
        with pytest.raises(AddressNotPublic, match="not public"):
            look_up("shop.example", 443, allow_private=False, how=resolver("8.8.8.8", "10.0.0.1"))

    @pytest.mark.parametrize("spelling", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "::ffff:7f00:1"])
    def test_is_judged_by_what_it_means_to_the_system(self, spelling: str) -> None:
        with pytest.raises(AddressNotPublic):
            look_up(spelling, 443, allow_private=False)

    def test_is_refused_with_a_zone(self) -> None:
        with pytest.raises(AddressNotPublic):
            look_up("shop.example", 443, allow_private=False, how=resolver("fe80::1%eth0"))

    def test_leads_anywhere_when_that_is_allowed(self) -> None:
        found = look_up("shop.example", 443, allow_private=True, how=resolver("10.0.0.1"))
        assert found == [("10.0.0.1", 443)]

    def test_is_followed_to_so_many_addresses(self) -> None:
        found = look_up("shop.example", 443, allow_private=False, how=resolver(*["8.8.8.8"] * 100))
        assert len(found) == ADDRESSES_MAX

    def test_that_changes_its_mind_is_asked_each_time_and_refused_then(self) -> None:
        answers = iter(["8.8.8.8", "127.0.0.1"])

        def rebinding(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        assert look_up("shop.example", 443, allow_private=False, how=rebinding) == [("8.8.8.8", 443)]
        with pytest.raises(AddressNotPublic):
            look_up("shop.example", 443, allow_private=False, how=rebinding)
