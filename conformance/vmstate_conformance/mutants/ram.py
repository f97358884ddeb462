# SPDX-License-Identifier: Apache-2.0
"""Wrong handlers of RAM: words, lists of sizes, blocks, pages, XBZRLE, places in the file."""

from __future__ import annotations

from typing import Final

from vmstate.container.payloads.ram import Ram, _Words
from vmstate.container.payloads.ramblocks import Block
from vmstate.container.payloads.rammapped import Mapped
from vmstate.stream import InputStream
from vmstate.whole import mapbits, xbzrle
from vmstate_conformance.mutants.patching import edit, table

_ADDRESS: Final = "if self._ignored(block) and address != block.address:"
_NEW: Final = "new = (length + self.step - 1 & _WORD) // self.step * self.step"

RAM = table(
    "ram",
    {
        "ram-any-version": (
            "RAM of an older version is read as if it were the current one.",
            edit(Ram.load, "if version_id != wire.RAM_VERSION:", "if False:"),
        ),
        "ram-continue-forgotten": (
            "What CONTINUE goes on with is forgotten between sections.",
            edit(
                Ram.load,
                "words = _Words(self,",
                "self.current = None\n    words = _Words(self,",
            ),
        ),
        "ram-continue-first-block": (
            "CONTINUE goes on with the first block of all where no page came before.",
            edit(
                _Words._block,
                "if self.ram.current is None:",
                "if self.ram.current is None:\n            self.ram.current = self.ram.blocks[0]\n"
                "        if False:",
            ),
        ),
        "ram-continue-refused-block": (
            "CONTINUE is taken for a name all the same.",
            edit(_Words._block, "if flags & wire.RAM_CONTINUE:", "if False:"),
        ),
        "ram-current-stays": (
            "CONTINUE goes on with the first block that was named.",
            edit(
                _Words._block,
                "self.ram.current = block",
                "self.ram.current = self.ram.current or block",
            ),
        ),
        "ram-continue-is-a-flag": (
            "CONTINUE counts where flags are told apart.",
            edit(_Words.load, "kind = flags & ~wire.RAM_CONTINUE", "kind = flags"),
        ),
        "ram-kinds-first": (
            "Flags that make no sense are refused before the block is looked for.",
            edit(
                _Words.load,
                "page = self._page(address, flags) if flags & _KINDS else None",
                "page = self._page(address, flags) if kind in (2, 8, 64) else None",
            ),
        ),
        "ram-unknown-flags-passed-over": (
            "A word whose flags are unknown has no payload.",
            edit(
                _Words.load,
                "raise PayloadError('payload-flags', EINVAL, told)\n    self._ended()",
                "pass\n    self._ended()",
            ),
        ),
        "ram-page-beside-others": (
            "Where PAGE is among the flags, the others do not matter.",
            edit(_Words.load, "kind == wire.RAM_PAGE", "kind & wire.RAM_PAGE"),
        ),
        "ram-hook-refused": (
            "HOOK is refused without RDMA.",
            edit(
                _Words.load,
                "{wire.RAM_EOS, wire.RAM_MULTIFD_FLUSH, wire.RAM_HOOK}",
                "{wire.RAM_EOS, wire.RAM_MULTIFD_FLUSH}",
            ),
        ),
        "ram-flush-refused": (
            "MULTIFD_FLUSH is refused without multifd.",
            edit(
                _Words.load,
                "{wire.RAM_EOS, wire.RAM_MULTIFD_FLUSH, wire.RAM_HOOK}",
                "{wire.RAM_EOS, wire.RAM_HOOK}",
            ),
        ),
        "ram-flush-ends": (
            "MULTIFD_FLUSH ends a payload, as EOS does.",
            edit(
                _Words.load,
                "return kind != wire.RAM_EOS",
                "return kind not in (wire.RAM_EOS, wire.RAM_MULTIFD_FLUSH)",
            ),
        ),
        "ram-eos-with-others": (
            "Where EOS is among the flags, it ends the payload.",
            edit(
                _Words.load,
                "kind = flags & ~wire.RAM_CONTINUE",
                "kind = 16 if flags & 16 else flags & ~wire.RAM_CONTINUE",
            ),
        ),
        "ram-word-cut-short-taken": (
            "A word that the end of the stream cuts short is read with zeros.",
            edit(_Words.load, "self._ended('Getting RAM address failed')", "pass"),
        ),
        "ram-error-always-22": (
            "A stream that ended is refused as if something in it were wrong.",
            edit(
                _Words._ended,
                "raise PayloadError('payload-ended', self.stream.error, told)",
                "raise PayloadError('payload-content', EINVAL, told)",
            ),
        ),
        "ram-short-page-dropped": (
            "Of a page that the end of the stream cuts short nothing is stored.",
            edit(
                _Words.load,
                "page[:len(data)] = data",
                "page[:len(data)] = data if len(data) == len(page) else page[:len(data)]",
            ),
        ),
        "ram-short-page-padded": (
            "A page that the end of the stream cuts short is filled with zeros.",
            edit(
                _Words.load,
                "page[:len(data)] = data",
                "page[:] = bytes(data).ljust(len(page), b'\\x00')",
            ),
        ),
        "ram-offset-off-by-one": (
            "The address where a block ends is in it.",
            edit(_Words._page, "if address >= block.used:", "if address > block.used:"),
        ),
        "ram-offset-by-maximum": (
            "An address is good up to the maximum of its block.",
            edit(_Words._page, "if address >= block.used:", "if address >= len(block.memory):"),
        ),
        "ram-offset-32-bits": (
            "Of an address 32 bits count.",
            edit(
                _Words._page,
                "block = self._block(flags)",
                "block = self._block(flags)\n    address &= 4294967295",
            ),
        ),
        "ram-pages-of-hidden": (
            "Blocks that are not to be migrated have pages.",
            edit(_Words._ignored, "not block.migratable or (", "("),
        ),
        "ram-pages-of-shared": (
            "With x-ignore-shared shared blocks have pages all the same.",
            edit(_Words._ignored, "self.shared and block.shared", "False"),
        ),
        "ram-shared-without-capability": (
            "Shared blocks have no pages, x-ignore-shared or not.",
            edit(_Words._ignored, "self.shared and block.shared", "block.shared"),
        ),
        "ram-name-with-nul": (
            "A block's name does not end at a NUL.",
            edit(_Words._name, "name.split(b'\\x00', 1)[0]", "name"),
        ),
        "ram-name-prefix": (
            "The beginning of a block's name is enough.",
            edit(
                Ram.find,
                "block.name.encode() == name",
                "name and block.name.encode().startswith(name)",
            ),
        ),
        "ram-name-31-bytes": (
            "Of a block's name 31 bytes count.",
            edit(
                Ram.find,
                "block.name.encode() == name",
                "block.name.encode()[:31] == name[:31]",
            ),
        ),
        "ram-name-of-any-case": (
            "Names of blocks are the same in upper and lower case.",
            edit(
                Ram.find,
                "block.name.encode() == name",
                "block.name.encode().lower() == name.lower()",
            ),
        ),
        "ram-no-unnamed-block": (
            "A block without a name is not found.",
            edit(Ram.find, "block.name.encode() == name", "name and block.name.encode() == name"),
        ),
        "ram-fill-taken": (
            "A page may be filled with any byte.",
            edit(
                _Words._zero,
                "if fill:",
                "if fill:\n        page[:] = bytes([fill]) * len(page)\n        return\n    if False:",
            ),
        ),
        "ram-fill-ignored": (
            "The byte of a zero page is not looked at.",
            edit(_Words._zero, "if fill:", "if False:"),
        ),
        "ram-fill-before-check": (
            "A zero page is cleared before its byte is looked at.",
            edit(_Words._zero, "if fill:", "page[:] = bytes(len(page))\n    if fill:"),
        ),
        "ram-zero-not-cleared": (
            "A zero page is taken to be zero already.",
            edit(_Words._zero, "page[:] = bytes(len(page))", "pass"),
        ),
        "ram-zero-cut-short": (
            "A zero page whose byte is missing is not cleared.",
            edit(
                _Words._zero,
                "page[:] = bytes(len(page))",
                "page[:] = page if self.stream.error else bytes(len(page))",
            ),
        ),
        "xbzrle-any-flag": (
            "The first byte of XBZRLE is not looked at.",
            edit(_Words._xbzrle, "if flag != wire.XBZRLE_FLAG:", "if False:"),
        ),
        "xbzrle-page-length-refused": (
            "Data as long as a page are refused.",
            edit(_Words._xbzrle, "elif size > len(page):", "elif size >= len(page):"),
        ),
        "xbzrle-any-length": (
            "Data longer than a page are read.",
            edit(_Words._xbzrle, "elif size > len(page):", "elif False:"),
        ),
        "xbzrle-page-cleared": (
            "Unchanged bytes are zeros.",
            edit(
                _Words._xbzrle,
                "xbzrle.apply(data, page, start)",
                "page[:] = bytes(len(page))\n            xbzrle.apply(data, page, start)",
            ),
        ),
        "xbzrle-all-or-nothing": (
            "Of data that are wrong somewhere nothing is stored.",
            edit(
                xbzrle.apply,
                "at = 0",
                "at = sum(0 for _ in list(runs(data, offset)))",
            ),
        ),
        "xbzrle-ends-unchanged": (
            "Data may end in an unchanged run.",
            edit(
                xbzrle.runs,
                "size, at = _uleb128(data, at, offset)",
                "if at == len(data):\n            return\n        size, at = _uleb128(data, at, offset)",
            ),
        ),
        "xbzrle-empty-keep-taken": (
            "Unchanged runs may be empty.",
            edit(xbzrle.runs, "if not keep and start:", "if False:"),
        ),
        "xbzrle-no-empty-keep": (
            "No unchanged run may be empty, and not the first.",
            edit(xbzrle.runs, "if not keep and start:", "if not keep:"),
        ),
        "xbzrle-empty-change-taken": (
            "Changed runs may be empty.",
            edit(xbzrle.runs, "if not size or size >", "if size >"),
        ),
        "xbzrle-short-run-taken": (
            "A changed run takes what there is.",
            edit(xbzrle.runs, "if not size or size > len(data) - at:", "if not size:"),
        ),
        "xbzrle-exclusive-or": (
            "Changed bytes are the difference to the old ones.",
            edit(
                xbzrle.apply,
                "page[at:at + len(new)] = new",
                "page[at:at + len(new)] = bytes(a ^ b for a, b in zip(page[at:at + len(new)], new))",
            ),
        ),
        "xbzrle-high-bits-first": (
            "The first byte of a length has its highest bits.",
            edit(
                xbzrle._uleb128,
                "data[at] & 127 | data[at + 1] << 7",
                "(data[at] & 127) << 7 | data[at + 1]",
            ),
        ),
        "xbzrle-shortest-lengths-only": (
            "A second byte of a length that adds nothing is refused.",
            edit(
                xbzrle._uleb128,
                "if data[at + 1] >= 128:",
                "if data[at + 1] >= 128 or not data[at + 1]:",
            ),
        ),
        "xbzrle-third-byte": (
            "The second byte of a length may have its highest bit set.",
            edit(xbzrle._uleb128, "if data[at + 1] >= 128:", "if False:"),
        ),
        "xbzrle-beyond-cut": (
            "A run that goes beyond the page is cut.",
            edit(
                xbzrle.apply,
                "if at + len(new) > len(page):",
                "new = new[:max(len(page) - at, 0)]\n        if False:",
            ),
        ),
        "xbzrle-last-byte-refused": (
            "A run that ends where the page ends is refused.",
            edit(xbzrle.apply, "if at + len(new) > len(page):", "if at + len(new) >= len(page):"),
        ),
        "ram-total-in-32-bits": (
            "What is left of the total does not go below 0.",
            edit(
                _Words._mem_size,
                "total = total - length & _WORD",
                "total = max(total - length, 0)",
            ),
        ),
        "ram-total-of-rounded": (
            "The total counts lengths as they are rounded.",
            edit(
                _Words._mem_size,
                "total = total - length & _WORD",
                "total = total - -(-length // self.ram.page_size) * self.ram.page_size & _WORD",
            ),
        ),
        "ram-total-unchecked": (
            "A list has as many entries as there are blocks.",
            edit(
                _Words._mem_size,
                "while total:",
                "for _ in [each for each in self.ram.blocks if each.migratable and total]:",
            ),
        ),
        "ram-unknown-block-skipped": (
            "An entry for an unknown block is passed over.",
            edit(
                _Words._mem_size,
                "if block is None:",
                "if block is None:\n            total = total - length & _WORD\n"
                "            continue\n        if False:",
            ),
        ),
        "ram-hidden-in-the-list": (
            "A block that is not to be migrated may be in the list.",
            edit(_Words._mem_size, "elif not block.migratable:", "elif False:"),
        ),
        "ram-lengths-unchecked": (
            "Lengths are not compared.",
            edit(_Words._mem_size, "elif length != block.used:", "elif False:"),
        ),
        "ram-address-of-all": (
            "The address of every block is compared.",
            edit(_Words._address, _ADDRESS, "if address != block.address:"),
        ),
        "ram-address-unchecked": (
            "Addresses are not compared.",
            edit(_Words._address, _ADDRESS, "if False:"),
        ),
        "ram-address-32-bits": (
            "Of an address in the guest 32 bits are compared.",
            edit(
                _Words._address,
                _ADDRESS,
                "if self._ignored(block) and (address ^ block.address) & 4294967295:",
            ),
        ),
        "ram-no-addresses": (
            "A list never has addresses.",
            edit(_Words._mem_size, "if self.shared:", "if False:"),
        ),
        "ram-address-last": (
            "An address is compared behind the length.",
            edit(
                _Words._mem_size,
                "        if self.shared:\n            self._address(block)\n",
                "",
                "total = total - length & _WORD",
                "if self.shared:\n            self._address(block)\n        total = total - length & _WORD",
            ),
        ),
        "ram-addresses-of-shared-only": (
            "Only entries of shared blocks have an address.",
            edit(_Words._mem_size, "if self.shared:", "if self.shared and block.shared:"),
        ),
        "ram-length-exact": (
            "Lengths are not rounded.",
            edit(Block.resize, _NEW, "new = length"),
        ),
        "ram-length-rounded-down": (
            "Lengths are rounded down.",
            edit(Block.resize, _NEW, "new = length // self.step * self.step"),
        ),
        "ram-length-without-overflow": (
            "The greatest lengths are rounded up beyond 64 bits.",
            edit(Block.resize, "length + self.step - 1 & _WORD", "(length + self.step - 1)"),
        ),
        "ram-fixed-resized": (
            "Every block can be resized.",
            edit(Block.resize, "if not self.resizable:", "if False:"),
        ),
        "ram-resizable-refused": (
            "No block can be resized.",
            edit(Block.resize, "if not self.resizable:", "if True:"),
        ),
        "ram-maximum-off-by-one": (
            "The maximum of a block is too much.",
            edit(Block.resize, "if new > most:", "if new >= most:"),
        ),
        "ram-maximum-unchecked": (
            "A block grows up to its maximum, whatever is asked.",
            edit(Block.resize, "if new > most:", "new = min(new, most)\n    if False:"),
        ),
        "ram-shrink-refused": (
            "A block can grow, but not shrink.",
            edit(Block.resize, "if new > most:", "if new > most or new < self.used:"),
        ),
        "ram-resize-clears": (
            "What a block grows by is cleared, whatever it had there.",
            edit(
                Block.resize,
                "self.used = new",
                "self.memory[min(self.used, new):] = bytes(most - min(self.used, new))\n"
                "    self.used = new",
            ),
        ),
        "ram-empty-refused": (
            "A block cannot shrink to nothing.",
            edit(Block.resize, "if new > most:", "if new > most or not new:"),
        ),
    },
)

MAPPED = table(
    "mapped-ram",
    {
        "mapped-version-0-refused": (
            "A header of version 0 is refused.",
            edit(Mapped.load, "if version > _VERSION:", "if version != _VERSION:"),
        ),
        "mapped-any-version": (
            "The version of a header is not looked at.",
            edit(Mapped.load, "if version > _VERSION:", "if False:"),
        ),
        "mapped-any-page-size": (
            "The page size of a header is not looked at.",
            edit(Mapped.load, "if page_size != self.page_size:", "if False:"),
        ),
        "mapped-any-alignment": (
            "Pages may be anywhere in the file.",
            edit(Mapped.load, "if pages % self.page_size:", "if False:"),
        ),
        "mapped-half-alignment": (
            "Pages are at multiples of 2 KiB.",
            edit(Mapped.load, "if pages % self.page_size:", "if pages % 2048:"),
        ),
        "mapped-header-of-zeros-has-pages": (
            "A header of zeros is like any other.",
            edit(Mapped.load, "if self.shared and (not bitmap) and (not pages):", "if False:"),
        ),
        "mapped-header-of-zeros-alone": (
            "A header of zeros has nothing behind it without x-ignore-shared, too.",
            edit(
                Mapped.load,
                "if self.shared and (not bitmap) and (not pages):",
                "if not bitmap and not pages:",
            ),
        ),
        "mapped-header-without-pages": (
            "With x-ignore-shared, a header whose pages are at 0 has none.",
            edit(
                Mapped.load,
                "if self.shared and (not bitmap) and (not pages):",
                "if self.shared and not pages:",
            ),
        ),
        "mapped-goes-on-behind-bitmap": (
            "The next entry stands behind the header.",
            edit(Mapped.load, "stream.seek(pages + length & _WORD)", "pass"),
        ),
        "mapped-goes-on-at-pages": (
            "The next entry stands where the pages begin.",
            edit(Mapped.load, "stream.seek(pages + length & _WORD)", "stream.seek(pages)"),
        ),
        "mapped-goes-on-behind-block": (
            "The next entry stands as far behind as the local block is long.",
            edit(
                Mapped.load,
                "stream.seek(pages + length & _WORD)",
                "stream.seek(pages + block.used & _WORD)",
            ),
        ),
        "mapped-lengths-compared": (
            "With mapped-ram, lengths are compared as ever.",
            edit(
                Mapped.load,
                "self.read += self.page_size",
                "block.resize(length)\n    self.read += self.page_size",
            ),
        ),
        "mapped-hidden-refused": (
            "With mapped-ram, a block that is not to be migrated is refused as ever.",
            edit(
                Mapped.load,
                "self.read += self.page_size",
                "if not block.migratable:\n        raise _refused('payload-block', '')\n"
                "    self.read += self.page_size",
            ),
        ),
        "mapped-short-bitmap-taken": (
            "What the file does not have of a bitmap is zeros.",
            edit(Mapped._load, "if len(bits) < size:", "if False:"),
        ),
        "mapped-short-page-taken": (
            "What the file does not have of a page stays as it is.",
            edit(Mapped._pages, "if len(data) < size:", "stream.error = 0\n    if False:"),
        ),
        "mapped-short-page-dropped": (
            "Of pages that the end of the file cuts short nothing is stored.",
            edit(
                Mapped._pages,
                "block.memory[at:at + len(fits)] = fits",
                "if len(data) == size:\n        block.memory[at:at + len(fits)] = fits",
            ),
        ),
        "mapped-pages-packed": (
            "The pages that are there follow each other without room for the others.",
            edit(
                Mapped._pages,
                "offset = pages + at & _WORD",
                "offset = pages & _WORD",
            ),
        ),
        "mapped-page-outside-dropped": (
            "A page that the block does not have is passed over.",
            edit(
                Mapped._pages,
                "if at >= block.used:",
                "if at >= block.used:\n        return\n    if False:",
            ),
        ),
        "mapped-missing-pages-cleared": (
            "Pages whose bits are not set are cleared.",
            edit(
                Mapped._load,
                "bits = stream.read_at(bitmap, size)",
                "block.memory[:] = bytes(len(block.memory))\n    bits = stream.read_at(bitmap, size)",
            ),
        ),
        "mapped-high-bit-first": (
            "The highest bit of a bitmap's byte is for the first page.",
            edit(
                mapbits.runs,
                "bits = int.from_bytes(bitmap, 'little')",
                "bits = int.from_bytes(bytes(int(f'{b:08b}'[::-1], 2) for b in bitmap), 'little')",
            ),
        ),
        "mapped-big-endian": (
            "The bitmap is of big-endian words.",
            edit(mapbits.runs, "'little'", "'big'"),
        ),
        "mapped-bits-behind-the-last": (
            "Bits behind the last page are looked at.",
            edit(mapbits.runs, "bits & (1 << pages) - 1", "bits"),
        ),
        "mapped-bitmap-in-bytes": (
            "A bitmap has as many bytes as it needs.",
            edit(mapbits.size, "return -(-pages // (8 * _LONG)) * _LONG", "return -(-pages // 8)"),
        ),
        "mapped-bitmap-bounded": (
            "A bitmap that no machine has memory for is one that the file does not have.",
            edit(Mapped._load, "if size >= _TOO_MUCH:", "if False:"),
        ),
        "mapped-words-of-pages": (
            "With mapped-ram, words of pages are taken as ever.",
            edit(_Words.load, "if self.mapped is not None and flags & _UNMAPPED:", "if False:"),
        ),
        "mapped-hooks-taken": (
            "With mapped-ram, HOOK and MULTIFD_FLUSH are passed over as ever.",
            edit(
                _Words.load,
                "if self.mapped is not None and flags & _UNMAPPED:",
                "if self.mapped is not None and flags & _KINDS:",
            ),
        ),
        "mapped-error-stays-0": (
            "A place that the file does not have is no error of the stream.",
            edit(InputStream.read_at, "self.error = EIO", "pass"),
        ),
        "mapped-negative-place": (
            "Places in the file have 64 bits.",
            edit(InputStream.seek, "if offset < 1 << 63:", "if True:"),
        ),
    },
)
