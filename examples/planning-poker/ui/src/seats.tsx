import { Avatar } from "./avatar";
import type { Player } from "./players";
import { cardWords, PlayingCard } from "./playingcard";
import { agoWords } from "./time";
import "./seats.css";

/** Everybody at the table, and what lies in front of them. */
export function Seats({ players, isAgreed, now }: { players: Player[]; isAgreed: boolean; now: number }) {
  return (
    <ul className="seats" role="list" aria-label="At the table">
      {players.map((player) => (
        <Seat key={player.account} player={player} isAgreed={isAgreed} now={now} />
      ))}
    </ul>
  );
}

function Seat({ player, isAgreed, now }: { player: Player; isAgreed: boolean; now: number }) {
  const { account, name, isMe, isHost, isAway, hasVoted, card, seenAt } = player;
  return (
    <li
      className="seat"
      data-testid={`person-${account}`}
      data-voted={hasVoted}
      data-card={card}
      data-away={isAway || undefined}
      data-me={isMe || undefined}
    >
      <span className="seat-place">
        <PlayingCard {...player} isAgreed={isAgreed && card !== undefined} />
        <Avatar account={account} name={name} />
        {isHost && <span className="seat-host">Host</span>}
      </span>
      <span className="seat-name" title={name}>
        {name}
      </span>
      <span className="seat-seen">{isMe ? "you" : <Seen ago={agoWords(seenAt, now)} />}</span>
      <span className="unseen">{cardWords(player)}</span>
    </li>
  );
}

function Seen({ ago }: { ago: string }) {
  return (
    <>
      <span>seen </span>
      {ago}
    </>
  );
}

/** The same space, before anybody is known. */
export function EmptySeats() {
  return (
    <div className="seats" aria-hidden="true">
      {[1, 2, 3].map((number) => (
        <div key={number} className="seat">
          <span className="seat-place">
            <span className="playing-card" data-side="none" />
          </span>
          <span className="seat-name">&nbsp;</span>
          <span className="seat-seen">&nbsp;</span>
        </div>
      ))}
    </div>
  );
}
