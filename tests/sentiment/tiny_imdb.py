"""A tiny stand-in for the real reviews, as a folder or as an archive, with texts of our own."""

import io
import tarfile
from pathlib import Path

FILES = {
    "train/neg/0_3.txt": b"Dull from the first minute on.",
    "train/neg/1_1.txt": b"I left early.<br /><br />So did the others.",
    "train/pos/0_9.txt": "Café scenes of rare charm.".encode(),
    "train/pos/1_10.txt": b"I saw it twice in a week.",
    "train/pos/10_7.txt": b"Long, but worth the evening.",
    "test/neg/0_4.txt": b"Better read the novel.",
    "test/pos/0_8.txt": b"The lead alone is worth it.",
    "train/urls_neg.txt": b"http://films.example/tt0000001/c\nhttp://films.example/tt0000002/c\n",
    "train/urls_pos.txt": b"".join(b"http://films.example/tt%07d/c\n" % k for k in range(20, 31)),
    "test/urls_neg.txt": b"http://films.example/tt0000003/c\n",
    "test/urls_pos.txt": b"http://films.example/tt0000004/c\n",
    "README": b"Not a review.",
}


def make_folder(path: Path, files: dict[str, bytes] = FILES) -> Path:
    """Write ``path/aclImdb`` and return it."""
    for name, data in files.items():
        file = path / "aclImdb" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return path / "aclImdb"


def make_archive(files: dict[str, bytes] = FILES, extra: list[tuple[str, bytes]] = ()) -> bytes:
    """Pack the files under ``aclImdb/``, then the extra members under the very names given."""
    members = [(f"aclImdb/{name}", data) for name, data in files.items()]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, data in [*members, *extra]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return target.getvalue()
