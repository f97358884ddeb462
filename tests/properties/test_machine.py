# SPDX-License-Identifier: Apache-2.0
"""Loading again into the same machine, as loadvm does: a model of values beside the engine."""

from __future__ import annotations

from typing import Any

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from loads import AFTER, load, save, version

from vmstate.operations import perform
from vmstate_conformance.strategies import FIELD_KINDS, documents, note_case, states
from vmstate_conformance.strategies.landing import cleared, landed
from vmstate_conformance.strategies.plan import Plan

# Lists gain what they load, which the model of values leaves out; what is compared with what is held,
# and what must be as large as what is sent, loads only where a machine is as the sender was.
KINDS = [
    kind
    for kind in FIELD_KINDS
    if kind not in ("qtailq", "qlist", "gtree", "gtree-direct", "bitmap", "vbuffer", "tmp")
    and "-pointers-" not in kind
]


class Loadvm(RuleBasedStateMachine):
    """One machine that is saved, reset, changed and loaded again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.document: Any = None
        self.plan: Any = None
        self.state: Any = None
        self.first: Any = None
        self.snapshots: list[tuple[Any, bytes]] = []
        self.dirty = False
        self.broken = False

    @initialize(data=st.data())
    def power_on(self, data: st.DataObject) -> None:
        self.document = data.draw(documents(kinds=KINDS, max_fields=5))
        self.plan = Plan(self.document)
        sent = data.draw(states(self.document))
        self.state = self.first = cleared(self.plan, sent)
        self._snapshot(sent)

    def _snapshot(self, state: Any) -> None:
        result = perform(save(self.document, state))
        assert result["verdict"] == "ok"
        self.snapshots.append((state, bytes.fromhex(result["stream"])))

    @precondition(lambda self: not self.broken and self.dirty and len(self.snapshots) < 4)
    @rule()
    def savevm(self) -> None:
        self._snapshot(self.state)

    @rule()
    def reset(self) -> None:
        """A reset that leaves no pointer behind."""
        # After a cut file, a count may say nothing of pointers that are there.
        self.state = self.first if self.broken else cleared(self.plan, self.state)
        self.dirty = self.broken = False

    @rule(data=st.data())
    def loadvm(self, data: st.DataObject) -> None:
        sent, stream = data.draw(st.sampled_from(self.snapshots))
        request = load(self.document, self.state, stream + AFTER, version(self.document))
        note_case(request)
        result = perform(request)
        if result["verdict"] == "abort":
            # The report of the field: stale pointers where the load wants none.
            assert result["error"] == "destination-not-null"
            assert self.dirty
            hardened = perform(request, profile="hardened")
            assert (hardened["verdict"], hardened["error"]) == ("reject", "destination-not-null")
            return
        note(f"loaded: {result['verdict']}")
        assert result["verdict"] in ("accept", "reject")
        if result["verdict"] == "accept":
            assert result["state"] == landed(self.plan, sent, self.state)
            assert result["consumed"] == len(stream)
            self.state = result["state"]
            self.dirty = True
        else:
            # Only what is compared with what a machine holds can be refused.
            assert result["error"] == "field-load-failed"

    @rule(cut=st.integers(0, 60), data=st.data())
    def loadvm_of_a_cut_file(self, cut: int, data: st.DataObject) -> None:
        _, stream = data.draw(st.sampled_from(self.snapshots))
        request = load(self.document, self.state, stream[:cut], version(self.document))
        note_case(request)
        result = perform(request, profile="hardened")
        assert result["verdict"] in ("accept", "reject")
        if result["verdict"] == "reject" and result["state"] != self.state:
            self.state = result["state"]
            self.dirty = self.broken = True

    @invariant()
    def the_machine_can_be_read(self) -> None:
        if self.plan is not None:
            assert set(self.state) == {
                member["name"]
                for member in self.document["structs"][self.plan.root.struct]["members"]
            }


TestLoadvm = Loadvm.TestCase
TestLoadvm.settings = settings(stateful_step_count=12)
