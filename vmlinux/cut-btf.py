#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cut-btf.py VMLINUZ OUT - write a kernel image's own type information (.BTF) to OUT.

A distribution's vmlinuz holds the kernel compressed; a bare arm64 Image holds it plain. Both are
searched for the BTF header, because neither is an ELF file whose sections could be asked for.
"""
import lzma
import struct
import subprocess
import sys
import zlib

# struct btf_header of version 1: magic 0xeb9f, version, flags, hdr_len 24 (include/uapi/linux/btf.h).
BTF_HEADER = struct.pack("<HBBI", 0xEB9F, 1, 0, 24)
# The vmlinux BTF is megabytes; smaller hits are chance or a module's.
BTF_SMALLEST_BYTES = 1 << 20


def btf_find(image):
    at = image.find(BTF_HEADER)
    while at >= 0:
        _type_off, _type_len, str_off, str_len = struct.unpack_from("<IIII", image, at + 8)
        end = at + 24 + str_off + str_len
        if str_off + str_len >= BTF_SMALLEST_BYTES and end <= len(image):
            return image[at:end]
        at = image.find(BTF_HEADER, at + 1)
    return None


def payload_piped(*command):
    # the tools complain about what follows the payload, after they have written all of it
    def unpack(data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout
    return unpack


def payload_xz(data):
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data)


def payload_gzip(data):
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data)


PAYLOADS = (
    (b"\xfd7zXZ\x00", payload_xz),
    (b"\x28\xb5\x2f\xfd", payload_piped("zstd", "-dcq")),
    (b"\x02\x21\x4c\x18", payload_piped("lz4", "-dcq")),
    (b"\x1f\x8b\x08", payload_gzip),
)


def image_unpack(image):
    """Every payload that unpacks, the plain image first."""
    yield image
    for magic, unpack in PAYLOADS:
        at = image.find(magic)
        while at >= 0:
            try:
                yield unpack(image[at:])
            except (lzma.LZMAError, zlib.error, OSError):
                pass
            at = image.find(magic, at + 1)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: cut-btf.py VMLINUZ OUT")
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    for plain in image_unpack(image):
        btf = btf_find(plain)
        if btf:
            with open(sys.argv[2], "wb") as file:
                file.write(btf)
            return
    sys.exit(f"{sys.argv[1]}: no BTF found in it")


if __name__ == "__main__":
    main()
