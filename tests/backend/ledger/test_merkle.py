"""Laws of the Merkle tree, against RFC 6962's vectors and pymerkle as an oracle."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle import verify_consistency as oracle_consistent
from pymerkle import verify_inclusion as oracle_includes

from backend.ledger import merkle

# The eight leaves and their roots as published with Certificate Transparency's reference code.
LEAVES = [bytes.fromhex(x) for x in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree(leaves: list[bytes]) -> merkle.Read:
    """Nodes computed from the leaves alone."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]

    def read(level: int, index: int) -> bytes:
        if level == 0:
            return hashes[index]
        return merkle.node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))

    return read


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root(0, tree([])) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert merkle.root(size, tree(LEAVES)).hex() == ROOTS[size - 1]


@given(st.integers(1, 70), st.data())
def test_an_inclusion_proof_convinces_us_and_an_independent_verifier(
    size: int, data: st.DataObject
) -> None:
    leaves = [bytes([n]) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    read = tree(leaves)
    root, path = merkle.root(size, read), merkle.inclusion(index, size, read)
    oracle = InmemoryTree.init_from_entries(leaves, algorithm="sha256")

    assert oracle.get_root() == root
    assert merkle.includes(read(0, index), index, size, path, root)
    assert oracle.prove_inclusion(index + 1, size).serialize()["path"][1:] == [
        p.hex() for p in path
    ]
    oracle_includes(read(0, index), root, oracle.prove_inclusion(index + 1, size))


@given(st.integers(1, 70), st.data())
def test_a_consistency_proof_is_the_independent_ones(size: int, data: st.DataObject) -> None:
    leaves = [bytes([n]) for n in range(size)]
    old = data.draw(st.integers(1, size))
    read = tree(leaves)
    roots = merkle.root(old, read), merkle.root(size, read)
    path = merkle.consistency(old, size, read)
    oracle = InmemoryTree.init_from_entries(leaves, algorithm="sha256")

    assert merkle.consistent(old, size, *roots, path)
    oracle_consistent(*roots, oracle.prove_consistency(old, size))


@given(st.integers(2, 40), st.data())
def test_a_proof_of_something_else_convinces_nobody(size: int, data: st.DataObject) -> None:
    read = tree([bytes([n]) for n in range(size)])
    index = data.draw(st.integers(0, size - 1))
    root, path = merkle.root(size, read), merkle.inclusion(index, size, read)
    bad_path = list(path)
    bad_path[data.draw(st.integers(0, len(path) - 1))] = bytes(32)

    assert not merkle.includes(read(0, index), index, size, bad_path, root)
    assert not merkle.includes(read(0, index), index, size, path[:-1], root)
    assert not merkle.includes(read(0, index), index, size, [*path, bytes(32)], root)
    assert not merkle.includes(bytes(32), index, size, path, root)
    old = data.draw(st.integers(1, size - 1))
    proof = merkle.consistency(old, size, read)
    assert not merkle.consistent(old, size, bytes(32), root, proof)
    assert not merkle.consistent(old, size, merkle.root(old, read), bytes(32), proof)
    assert not merkle.consistent(old, size, merkle.root(old, read), root, proof[:-1])
    assert not merkle.includes(root, 1, 1, [], root)  # a place beyond the tree
    assert not merkle.consistent(2, 1, root, root, [])
