#include "agent/sandbox.h"

#include "agent/sandbox_parts.h"

int
sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths,
    size_t npaths, char *text, size_t textlen)
{
	int r = sandbox_files(kind, paths, npaths, text, textlen);

	/* Last: it takes away the calls that the first one makes. */
	if (r == SANDBOX_EFAILED || sandbox_calls(kind, text, textlen) != 0)
		return SANDBOX_EFAILED;
	return r;
}
