/**
 * The table of the explorer. Rows are of one height and only those in sight are in the document, so
 * a million of them cost no more than a screenful.
 */
import { createColumnHelper, tableFeatures, useTable } from "@tanstack/react-table";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useEffectEvent, useRef } from "react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Session } from "../api/types.ts";
import { StateBadge } from "../ui/badge.tsx";
import { Bones } from "../ui/blocks.tsx";
import { SubjectLink } from "../ui/entry.tsx";
import { LifeLine } from "../ui/life-line.tsx";
import { Ago } from "../ui/time.tsx";

const ROW_PX = 44;
const AHEAD = 12;
const features = tableFeatures({});
const column = createColumnHelper<typeof features, Session>();

const columns = column.columns([
  column.accessor("id", {
    header: "Session",
    cell: ({ row: { original } }) => (
      <Link href={`/sessions/${original.id}`} className="mono clip" title={original.id}>
        {original.id}
      </Link>
    ),
  }),
  column.accessor("subject", {
    header: "Subject",
    cell: ({ row: { original } }) => <SubjectLink subject={original.subject} />,
  }),
  column.accessor("state", {
    header: "State",
    cell: ({ row: { original } }) => (
      <StateBadge
        state={original.state}
        {...(original.end === undefined ? {} : { reason: original.end.reason })}
      />
    ),
  }),
  column.display({
    id: "device",
    header: "Device",
    cell: ({ row: { original } }) => (
      <span className="clip soft">{original.device?.label ?? original.device?.id ?? "–"}</span>
    ),
  }),
  column.display({
    id: "assurance",
    header: "Proved by",
    cell: ({ row: { original } }) => (
      <span className="clip soft">{original.assurance.amr.join(" + ") || "–"}</span>
    ),
  }),
  column.display({
    id: "life",
    header: "Time used",
    cell: ({ row: { original } }) => <LifeLine of={original} />,
  }),
  column.accessor("seenAt", {
    header: "Last seen",
    cell: ({ row: { original } }) => <Ago at={original.seenAt} />,
  }),
  column.accessor("createdAt", {
    header: "Opened",
    cell: ({ row: { original } }) => <Ago at={original.createdAt} />,
  }),
]);

type Selected = Readonly<Record<string, boolean>>;

interface SessionTableProps {
  readonly rows: readonly Session[];
  readonly loading: boolean;
  readonly more: boolean;
  readonly onMore: () => void;
  readonly selected: Selected;
  readonly onSelect: ((selected: Selected) => void) | undefined;
  readonly empty: ReactNode;
}

export function SessionTable(props: SessionTableProps) {
  const { rows, loading, empty, selected, onSelect } = props;
  const table = useTable({
    features,
    columns,
    data: rows,
    getRowId: ({ id }) => id,
  });
  const all = rows.length > 0 && rows.every(({ id }) => selected[id] === true);
  const toggleAll = (): void => {
    onSelect?.(all ? {} : Object.fromEntries(rows.map(({ id }) => [id, true])));
  };
  return (
    <div
      className={onSelect === undefined ? "panel sessions" : "panel sessions sessions-chosen"}
      role="table"
      aria-label="Sessions"
      aria-rowcount={props.more ? -1 : rows.length + 1}
      aria-busy={loading}
    >
      <div role="rowgroup" className="sessions-head">
        {table.getHeaderGroups().map((group) => (
          <div role="row" key={group.id} className="sessions-row" aria-rowindex={1}>
            {onSelect === undefined ? null : (
              <span role="columnheader">
                <input
                  type="checkbox"
                  aria-label="Select all that are read"
                  checked={all}
                  onChange={toggleAll}
                />
              </span>
            )}
            {group.headers.map((header) => (
              <span role="columnheader" key={header.id} className={`cell-${header.id}`}>
                <table.FlexRender header={header} />
              </span>
            ))}
          </div>
        ))}
      </div>
      {loading ? <Bones rows={10} /> : null}
      {!loading && rows.length === 0 ? (
        <div role="rowgroup">
          <div role="row">
            <div role="cell">{empty}</div>
          </div>
        </div>
      ) : null}
      <Body {...props} rowsOf={table} />
    </div>
  );
}

interface BodyProps extends SessionTableProps {
  readonly rowsOf: ReturnType<typeof useTable<typeof features, Session>>;
}

function Body({ rowsOf, more, onMore, selected, onSelect }: BodyProps) {
  const box = useRef<HTMLDivElement>(null);
  const { rows } = rowsOf.getRowModel();
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: AHEAD,
    scrollMargin: box.current?.offsetTop ?? 0,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  const reach = useEffectEvent(() => onMore());
  useEffect(() => {
    if (more && last >= rows.length - AHEAD * 2) reach();
  }, [last, more, rows.length]);
  // Sizes are set through the object model: the policy of the page refuses style attributes.
  return (
    <div
      ref={box}
      role="rowgroup"
      className="sessions-body"
      style={{ height: virtual.getTotalSize() }}
    >
      {shown.map(({ index, start }) => {
        const row = rows[index];
        if (row === undefined) return null;
        const top = start - virtual.options.scrollMargin;
        return (
          <div
            role="row"
            key={row.id}
            className="sessions-row"
            aria-rowindex={index + 2}
            style={{ transform: `translateY(${top}px)` }}
          >
            {onSelect === undefined ? null : (
              <span role="cell">
                <input
                  type="checkbox"
                  aria-label={`Select ${row.id}`}
                  checked={selected[row.id] === true}
                  onChange={({ target }) => onSelect({ ...selected, [row.id]: target.checked })}
                />
              </span>
            )}
            {row.getAllCells().map((cell) => (
              <span role="cell" key={cell.id} className={`cell-${cell.column.id}`}>
                <rowsOf.FlexRender cell={cell} />
              </span>
            ))}
          </div>
        );
      })}
    </div>
  );
}
