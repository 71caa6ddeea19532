import { useEffect, useState } from "react";
import { hasVoted, type Delivery, type Table } from "../../shared/table";
import { useActions } from "./actions";
import { useClock } from "./clock";
import { Connection } from "./connection";
import { Controls } from "./controls";
import { Deck } from "./deck";
import { call } from "./functions";
import { Host } from "./host";
import { Note, type Notice } from "./note";
import { Outcome } from "./outcome";
import { playersOf } from "./players";
import { usePresence } from "./presence";
import { resultOf } from "./result";
import { useSeat } from "./seat";
import { EmptySeats, Seats } from "./seats";
import { announcement, deliveryWords, deniedWords, hintWords, lateWords, missedWords } from "./sentences";
import { useTable } from "./state";
import { Round, Top } from "./top";
import { useVote } from "./vote";

type Reply = { ok: true; delivery: Delivery; table?: Table } | { ok: false; code: string; message: string };

/** The page: it takes a seat, and shows the table. */
export function App() {
  const { seat, problem, join } = useSeat();
  const { board, connection, reached, reload, accept } = useTable(seat);
  const { now, set: setClock } = useClock();
  const presence = usePresence(seat, join, setClock);
  const table = board?.table;
  // What was said last; it is over with the round.
  const [said, setSaid] = useState<Notice & { round: number | undefined }>();
  const say = (tone: Notice["tone"], text: string, round = table?.round) => setSaid({ tone, text, round });

  // That the relay is away is old news once it is back.
  const isLive = connection.status === "live";
  useEffect(() => {
    if (isLive) setSaid((before) => (before?.tone === "information" ? undefined : before));
  }, [isLive]);

  const hear = (answer: Reply) => {
    if (answer.ok) {
      if (answer.table !== undefined) accept(answer.table);
      const text = deliveryWords(answer.delivery);
      if (text === undefined) setSaid(undefined);
      else say("information", text, answer.table?.round);
    } else {
      say("error", answer.message);
      if (answer.code === "not_here") join();
      if (answer.code !== "unreached") reload();
    }
  };
  const vote = useVote(seat, table, {
    saved: (delivery) => hear({ ok: true, delivery }),
    refused: hear,
    missed: (card) => say("warning", missedWords(card)),
  });
  const { running, run } = useActions(hear);

  function notice(): Notice | undefined {
    if (problem !== undefined) return { tone: "error", text: problem, again: join };
    if (vote.state === "late" && vote.card !== undefined) return { tone: "warning", text: lateWords(vote.card) };
    if (said !== undefined && said.round === table?.round) return said;
    if (connection.status !== "denied") return undefined;
    return { tone: "warning", text: deniedWords(connection.reason), again: () => connection.session?.retry() };
  }

  if (seat === undefined || board === undefined || table === undefined) {
    return (
      <>
        <Top issue={seat?.issue} connection={<Connection status={problem === undefined ? connection.status : "closed"} reached={reached} />} />
        <main data-testid="board">
          <section className="table" aria-label="The table">
            <Round />
            <EmptySeats />
            <div className="outcome" />
          </section>
          <Deck vote={vote} isOpen={false} />
          <Note notice={notice()} hint="Taking your seat…" />
        </main>
      </>
    );
  }

  const { round, phase } = table;
  const { me, issue } = seat;
  const players = playersOf(board, presence, me, vote.state === "saving" || vote.state === "saved", now);
  const host = players.find((player) => player.isHost)!;
  const result = resultOf(table.votes);
  return (
    <>
      <Top issue={issue} connection={<Connection status={connection.status} reached={reached} />} />
      <main data-testid="board">
        <section className="table" aria-labelledby="round">
          <Round table={table} />
          <Seats players={players} isAgreed={result.agreed !== undefined && result.agreed !== "?"} now={now} />
          <Outcome table={table} players={players} result={result} />
        </section>
        <Deck vote={vote} isOpen={phase === "voting"} />
        <Note notice={notice()} hint={hintWords(table, issue.key, vote.card, hasVoted(board, me))} />
        {host.isMe ? (
          <Controls
            table={table}
            suggestion={result.suggestion}
            running={running}
            reveal={() => run("reveal", () => call("reveal", { round }))}
            nextRound={() => run("nextRound", () => call("nextRound", { round }))}
            estimate={(value) => run("applyEstimate", () => call("applyEstimate", { round, value }))}
          />
        ) : (
          <Host
            host={host}
            phase={phase}
            now={now}
            isBusy={running === "takeOver"}
            takeOver={() => run("takeOver", () => call("takeOver", { host: host.account }))}
          />
        )}
        <p className="unseen" role="status">
          {announcement(table, host.isMe)}
        </p>
      </main>
    </>
  );
}
