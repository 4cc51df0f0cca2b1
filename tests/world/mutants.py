"""The planted faults: each breaks one promise of the package, and has to be found.

`by` names what finds a fault soonest, and is tried first.
"""

from __future__ import annotations

from tests.world.planting import Mutant

MUTANTS: tuple[Mutant, ...] = (
    # The claim
    Mutant(
        name="the claim is taken after the send",
        by="a bulk run",
        edits={
            "pipeline:Pipeline._attempts": (
                ("self.slots.wait(reads=reads, claim=guard.claim)", "self.slots.wait(reads=reads)"),
                ("            await guard.claim()\n", ""),
                (
                    "            departure.attempts += 1\n",
                    "            departure.attempts += 1\n            await guard.claim()\n",
                ),
            )
        },
    ),
    Mutant(
        name="a commit is not awaited",
        by="a bulk run",
        edits={
            "journal.storage.database:Database._transact": (
                (
                    "            with connection.begin():\n",
                    (
                        "            if connection.in_transaction():\n"
                        "                connection.commit()\n"
                        "            connection.begin()\n"
                        "            if True:\n"
                    ),
                ),
            )
        },
    ),
    Mutant(
        name="a step is claimed whatever its state",
        by="single orders",
        edits={
            "journal.storage.statements:Transaction.claim": (
                ("row is None or row.state not in CLAIMABLE", "row is None"),
                ("if not may_be_sent(", "if False and not may_be_sent("),
            )
        },
    ),
    Mutant(
        name="the claim of a dead run is given back",
        by="a bulk run",
        edits={
            "journal.storage.statements:Transaction._mark_unknown": (
                ('{"state": StepState.UNKNOWN.value', '{"state": StepState.NOT_SENT.value'),
                ("row.step, StepState.UNKNOWN, reason", "row.step, StepState.NOT_SENT, reason"),
            )
        },
    ),
    Mutant(
        name="a run that lives is taken for dead",
        by="two_runs",
        edits={"journal.liveness:is_dead": (("    if run.ended is not None:\n", "    if True:\n"),)},
    ),
    Mutant(
        name="the lease is ignored",
        by="a_suspended_machine",
        edits={
            "journal.journal:Journal.holds": (
                ("not self._closing and self._clock.elapsed() - claim.taken < self._me.lease", "not self._closing"),
            )
        },
    ),
    Mutant(
        name="nothing is asked as the head goes out",
        by="a_suspended_machine",
        edits={"pipeline:_Departure.allow": (("if reason := self.guard.veto():", "if reason := None:"),)},
    ),
    Mutant(
        name="an unknown order is sent by the next run",
        by="a bulk run",
        edits={
            "journal.storage.statements:Transaction.claim": (
                ("row.state not in CLAIMABLE", "row.state not in (*CLAIMABLE, StepState.UNKNOWN)"),
            ),
            "journal.states:may_be_sent": (
                ("case StepState.SENT | StepState.ACCEPTED | StepState.UNKNOWN:", "case StepState.ACCEPTED:"),
            ),
            "bulk.sending:OrderSender._send_once": (
                ("entry.state not in CLAIMABLE", "entry.state not in (*CLAIMABLE, StepState.UNKNOWN)"),
            ),
        },
    ),
    Mutant(
        name="a rejected order is sent by the next run",
        by="answers_of_every_kind",
        edits={
            "journal.storage.statements:Transaction.claim": (
                ("row.state not in CLAIMABLE", "row.state not in (*CLAIMABLE, StepState.REJECTED)"),
            ),
            "journal.states:may_be_sent": (
                ("case StepState.NOT_SENT:", "case StepState.NOT_SENT | StepState.REJECTED:"),
            ),
            "bulk.sending:OrderSender._send_once": (
                ("entry.state not in CLAIMABLE", "entry.state not in (*CLAIMABLE, StepState.REJECTED)"),
            ),
        },
    ),
    Mutant(
        name="an absent order is sent without a resubmit",
        by="evidence",
        edits={
            "journal.storage.statements:Transaction.write_verdict": (
                (
                    "        return self.entry(key, step)",
                    (
                        "        if verdict is Verdict.ABSENT:\n"
                        '            return self.plan_again(key, step, "absent")\n'
                        "        return self.entry(key, step)"
                    ),
                ),
            ),
        },
    ),
    Mutant(
        name="the claim is taken before the wait for a slot",
        by="a_wait_for_a_slot",
        edits={
            "pipeline:Pipeline._attempts": (
                (
                    "        slot = await self.slots.wait(reads=reads, claim=guard.claim)\n",
                    "        await guard.claim()\n        slot = await self.slots.wait(reads=reads)\n",
                ),
            )
        },
    ),
    Mutant(
        name="a purchase that is reported late is lost",
        by="a_late_outcome",
        edits={
            "journal.states:may_follow": (
                ("return state not in {StepState.ACCEPTED, StepState.REJECTED}", "return state is StepState.SENT"),
            )
        },
    ),
    Mutant(
        name="an order is absent although its owner may still send it",
        by="a_late_outcome",
        edits={"journal.storage.statements:Transaction._expect_no_owner": (("if row.recovered and", "if False and"),)},
    ),
    Mutant(
        name="the journal of another account is taken",
        by="a_strange_journal",
        edits={"journal.storage.statements:Transaction.bind": (("        elif strange:", "        elif False:"),)},
    ),
    Mutant(
        name="a copy of the journal is taken for the journal",
        by="a_strange_journal",
        edits={"journal.storage.trust:JournalFile.refuse_doubt": (("if self.doubt:", "if False:"),)},
    ),
    # How far a request got
    Mutant(
        name="a disconnect is taken for not sent",
        by="answers_of_every_kind",
        edits={
            "transport.transport:Transport._exchange": (
                (
                    "attempt.fail(describe(error), error)",
                    "attempt.fail(describe(error), error)\n            attempt.phase = Phase.NOT_SENT",
                ),
            )
        },
    ),
    Mutant(
        name="a timeout is taken for not sent",
        by="an_answer_that_never_comes",
        edits={
            "transport.transport:Transport._exchange": (
                (
                    'attempt.fail("no answer in time", error)',
                    'attempt.fail("no answer in time", error)\n            attempt.phase = Phase.NOT_SENT',
                ),
            )
        },
    ),
    Mutant(
        name="a cancellation after the head is taken for not sent",
        by="an_interrupt",
        edits={
            "transport.transport:Transport.send": (
                ("if attempt.phase is Phase.NOT_SENT or request.endpoint.repeatable:", "if True:"),
            )
        },
    ),
    Mutant(
        name="an order without an outcome is sent again",
        by="a bulk run",
        edits={
            "core.retry:may_repeat": (
                ("outcome is Outcome.UNKNOWN and endpoint.repeatable", "outcome is Outcome.UNKNOWN"),
            )
        },
    ),
    Mutant(
        name="an order goes over a connection that was used before",
        by="answers_of_every_kind",
        edits={"transport.sessions:Sessions.session_for": (("if not endpoint.repeatable:", "if False:"),)},
    ),
    Mutant(
        name="a redirect is followed",
        by="answers_of_every_kind",
        edits={
            "transport.attempt:Attempt.head_goes_out": (("if self._connected:", "if False:"),),
            "transport.transport:Transport._exchange": (("allow_redirects=False", "allow_redirects=True"),),
        },
    ),
    # What an answer proves
    Mutant(
        name="a 500 is taken for a refusal that may be repeated",
        by="single orders",
        edits={
            "core.judge:judge": (
                ("if status == _THROTTLED and _is_error", "if status in {_THROTTLED, 500} and _is_error"),
            )
        },
    ),
    Mutant(
        name="a 429 without the API's envelope is believed",
        by="answers_of_every_kind",
        edits={
            "core.judge:judge": (
                ("if status == _THROTTLED and _is_error_envelope(body, status):", "if status == _THROTTLED:"),
            )
        },
    ),
    Mutant(
        name="a refusal without the API's envelope is believed",
        by="answers_of_every_kind",
        edits={
            "core.judge:judge": (("(_is_error_envelope(body, status) or _is_key_refusal(body, status))", "bool(body)"),)
        },
    ),
    Mutant(
        name="a wrong key burns the order",
        by="a_wrong_key",
        edits={
            "bulk.sending:_state": (
                (
                    "        case AuthenticationError() | InsufficientBalanceError()",
                    (
                        "        case AuthenticationError():\n"
                        "            return OrderState.REJECTED\n"
                        "        case AuthenticationError() | InsufficientBalanceError()"
                    ),
                ),
            )
        },
    ),
    Mutant(
        name="an order gets the id of another",
        by="a bulk run",
        edits={
            "bulk.sending:_outcome": (
                ("order_id=created.order_id if created", "order_id=created.order_id[:-1] + '0' if created"),
            )
        },
    ),
    # What is sent
    Mutant(
        name="what is sent is not what the journal keeps",
        by="a bulk run",
        edits={
            "resources.orders:send_order": (("body=checked.body,", "body=checked.body.replace(b'.com', b'.org'),"),)
        },
    ),
    Mutant(
        name="a draft and its payment have different keys",
        by="a_draft_and_its_payment",
        edits={"journal.identity:_content": (('    plain.pop("confirm", None)\n', ""),)},
    ),
    Mutant(
        name="a paid order does not see its draft",
        by="a_draft_and_its_payment",
        edits={
            "bulk.sending:OrderSender.step_to_send": (("and not entry.confirm and _is_draft(entry)", "and False"),),
            "bulk.sending:OrderSender._send_once": (
                ("entry.state not in CLAIMABLE:", "entry.state not in CLAIMABLE and entry.confirm:"),
            ),
        },
    ),
    # The evidence
    Mutant(
        name="a verdict does not belong to an attempt",
        by="a_late_verdict",
        edits={"journal.storage.statements:Transaction.write_verdict": (("if row.token != seen.token:", "if False:"),)},
    ),
    Mutant(
        name="an order is absent at once",
        by="evidence",
        edits={"bulk.evidence:weigh": (("if not waited >= settle:", "if False:"),)},
    ),
    # The pace, and when to stop
    Mutant(
        name="a repetition takes no slot",
        by="too many requests",
        edits={
            "pipeline:Pipeline._attempts": (
                ("await self.slots.wait_again(reads=reads, latest=started + self.retry.time_budget)", "slot"),
            )
        },
    ),
    Mutant(
        name="the slots of all processes are too close",
        by="the_pace",
        edits={"core.pacing:Schedule.reserve": (("self.next = slot + present", "self.next = slot + present / 2"),)},
    ),
    Mutant(
        name="a run goes on when it has to stop",
        by="a_stop",
        edits={
            "bulk.stopping:StopRules.take": (("case _ if self._in_doubt >= self.after_unknown:", "case _ if False:"),)
        },
    ),
    # Webhooks
    Mutant(
        name="a delivery is answered before it is written down",
        by="deliveries",
        edits={
            "webhooks.receiver:Receiver._take": (
                (
                    "is_new = await self._journal.tracking.take(",
                    "is_new = __import__('asyncio').ensure_future(self._journal.tracking.take(",
                ),
                ("sightings_of(event), effect)", "sightings_of(event), effect))"),
            )
        },
    ),
    Mutant(
        name="a delivery is noted in a transaction of its own",
        by="deliveries",
        edits={
            "journal.tracking:TrackingRecords.take": (
                (
                    "            return await self._database.write(",
                    (
                        "            write = self._database.write\n"
                        "            if not await write(lambda own: _take_delivery(own, delivery, (), None)):\n"
                        "                return False\n"
                        "            effect and await write(lambda own: effect(own.connection))\n"
                        "            return await self._database.write("
                    ),
                ),
                ("_take_delivery(transaction, delivery, given, effect))", "_note_sightings(transaction, given) >= 0)"),
            )
        },
    ),
    Mutant(
        name="an effect happens for each copy of a delivery",
        by="deliveries",
        edits={"journal.tracking:_take_delivery": (("        return False\n", "        pass\n"),)},
    ),
    Mutant(
        name="the last word about a mailbox counts, not the furthest",
        by="deliveries",
        edits={"models.tracking:join": (("ahead = _RANK[new.state] > _RANK[known.state]", "ahead = True"),)},
    ),
    # Tracking
    Mutant(
        name="what a tracker sees is told before it is written down",
        by="tracking",
        edits={
            "tracking.tracker:_written": (
                ("await records.note(unwritten)", "asyncio.ensure_future(records.note(unwritten))"),
            )
        },
    ),
    Mutant(
        name="the reason of a failure is lost",
        by="tracking",
        edits={"journal.tracking:_storable": (("reason=excerpt(sighting.reason)", "reason=''"),)},
    ),
    Mutant(
        name="a tracker asks with what is no read",
        by="tracking",
        edits={"tracking.sources:ask": (("pipeline.call(name,", "pipeline.call('domains.has_workspace',"),)},
    ),
    # The disk
    Mutant(
        name="the journal is in WAL mode with NORMAL",
        by="power cuts",
        edits={
            "journal.storage.engine:_set_up_sqlite": (("synchronous = EXTRA", "synchronous = NORMAL"),),
            "journal.storage.engine:leave_wal": (("journal_mode = TRUNCATE", "journal_mode = WAL"),),
        },
    ),
    Mutant(
        name="the journal is synced less often",
        by="power cuts",
        edits={"journal.storage.engine:_set_up_sqlite": (("synchronous = EXTRA", "synchronous = NORMAL"),)},
    ),
    Mutant(
        name="an outcome is told before it is written down",
        by="answers_of_every_kind",
        edits={
            "bulk.sending:_record": (
                ("            await journal.record(", "            asyncio.ensure_future(journal.record("),
                (
                    "unavailable=outcome.unavailable_domains,\n            )",
                    "unavailable=outcome.unavailable_domains))",
                ),
            )
        },
    ),
)
