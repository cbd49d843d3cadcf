/** One text field of a posted form. */
export async function field(request: Request, name: string): Promise<string> {
  const value = (await request.formData()).get(name);
  return typeof value === "string" ? value.trim().slice(0, 200) : "";
}
