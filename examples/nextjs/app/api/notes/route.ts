import { route } from "../../../lib/session.ts";

export const GET = route((_request, { session }) => {
  return Response.json({ name: session.subject, notes: session.data.notes ?? [] });
});

export const POST = route(async (request, { session }) => {
  if (session.subject === null) return Response.json({ error: "sign in first" }, { status: 401 });
  const { note } = (await request.json()) as { note: string };
  await session.update((data) => void (data.notes ??= []).push(note));
  return Response.json({ notes: session.data.notes }, { status: 201 });
});
