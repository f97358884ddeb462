# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vmstate.whole import read_file
from vmstate_conformance.qemu.harvest import binary, harvest, program
from vmstate_conformance.qemu.recipes import RECIPES, recipe

#: What a device's state holds when its recipe has done its work: the end of a path, and the number there.
STATES = {
    "nvme": [("nvme#0.outstanding_aers", 3), ("nvme#0.sq[2].sqid", 2)],
    "nvme-enabled": [("nvme#0.bar.cc", 0x460001), ("nvme#0.outstanding_aers", 0)],
    "xhci": [("xhci.slots[0].addressed", 1), ("xhci.slots[1].addressed", 1)],
    "uhci": [("uhci#0.fl_base_addr", 0x300000)],
    "ohci": [("ohci#0.state.ctl", 0xBC)],
    "e1000": [("tx.tso_props.mss", 1460)],
    "vmxnet3": [("vmxnet3#0.drv_shmem", 0x300000)],
    "rtl8139": [("rtl8139#0.RxBuf", 0x300000)],
    "ne2k": [("ne2000#0.ne2000.cmd", 0x12)],
    "hda": [("intel-hda#0.rirb_wp", 1), ("intel-hda#0.st[4].bdlp_lbase", 0x302000)],
    "ac97": [("ac97#0.bm_regs[1].bd_valid", 1)],
    "vga": [("vga#0.vga.vbe_regs[1]", 640)],
    "ahci": [("ahci.dev[0].port_regs.lst_addr", 0x300000)],
    "ide": [("bus[0].ifs[0]:ide_drive/pio_state.cur_io_buffer_offset", 4)],
    "floppy": [("fdc#0.state.data_len", 1)],
    "lsi": [("lsiscsi#0.dnad", 0x300000)],
    "megasas": [("megasas#0.reply_queue_pa", 0x302000)],
    "sdhci": [("sdhci#0.cmdreg", 0x81A)],
    "apic": [("ioapic#0.ioredtbl[16]", 0x8040), ("ioapic#0.ioredtbl[3]", 0x10033)],
    "hpet": [("hpet#0.config", 3), ("hpet#0.timer[0].period", 1000)],
    "keyboard": [("ps2kbd#0.parent_obj.queue.count", 6)],
    "serial": [("serial#0.state:serial/recv_fifo.recv_fifo.num", 7)],
    "ipmi": [("ipmi-interface#0.kcs[1].inlen", 2)],
    "intel-iommu": [("iommu-intel#0.dmar_enabled", 1), ("iommu-intel#0.iq", 0x301000)],
    "ich9": [("ICH9LPC#0.pm.acpi_regs.pm1.evt.en", 0x321)],
    "tpm": [("tpm-tis#0.state.rw_offset", 10)],
}


@pytest.mark.qemu
@pytest.mark.parametrize("name", STATES)
def test_a_recipe_brings_its_device_into_the_state_that_it_is_for(name: str) -> None:
    made = recipe(name)
    stream = read_file(harvest(made, binary(None, made.arch, program(made))).stream, spans=True)

    for end, value in STATES[name]:
        spans = [span for span in stream.spans or () if span.path.endswith(end)]
        held = [
            int.from_bytes(stream.data[span.offset : span.offset + span.size], "big")
            for span in spans
        ]
        assert held == [value], end


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["virtio-blk", "virtio-scsi"])
def test_a_request_waits_in_the_stream(name: str) -> None:
    made = recipe(name)
    stream = read_file(harvest(made, binary(None, made.arch)).stream, spans=True)

    # An element of a queue is on the wire with all its places for addresses and vectors.
    assert any(span.size > 49152 for span in stream.spans or () if name.split("-")[1] in span.path)


@pytest.mark.qemu
def test_pages_that_are_sent_again_are_differences() -> None:
    made = harvest(recipe("q35-xbzrle"), binary(None, "x86_64")).stream
    stream = read_file(made, spans=True)

    assert stream.fault is None
    assert sum(span.kind == "xbzrle" for span in stream.spans or ()) > 16


def test_each_recipe_says_what_it_is() -> None:
    for name, each in RECIPES.items():
        assert name == each.name
        assert each.summary
        assert "-M" in each.arguments
