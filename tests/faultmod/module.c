/* The module's way in: finds its page and the real module beside it. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/faultmod/call.h"

static CK_FUNCTION_LIST list; /* ours */

/* The page of the file that this code came from, or NULL. */
static struct faultmod *
find_page(void)
{
	struct faultmod *page = MAP_FAILED;
	char file[FAULTMOD_PATH + 8];
	struct stat st;
	Dl_info me;
	int fd;

	if (dladdr(&list, &me) == 0 || me.dli_fname == NULL)
		return NULL;
	(void)snprintf(
	    file, sizeof(file), "%.*s.page", FAULTMOD_PATH - 1, me.dli_fname);
	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size == sizeof(*page))
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	(void)close(fd);
	if (page == MAP_FAILED || page->magic != FAULTMOD_MAGIC ||
	    page->size != sizeof(*page))
		return NULL;
	return page;
}

static CK_RV
attach(void)
{
	CK_RV (*get)(CK_FUNCTION_LIST **);
	struct faultmod *page = find_page();
	CK_FUNCTION_LIST *real;
	void *library, *symbol;
	CK_RV rv;

	if (page == NULL)
		return CKR_GENERAL_ERROR;
	library = dlopen(page->module, RTLD_NOW | RTLD_LOCAL);
	symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
	if (symbol == NULL)
		return CKR_GENERAL_ERROR;
	memcpy(&get, &symbol, sizeof(get));
	rv = get(&real);
	if (rv == CKR_OK)
		call_attach(page, real);
	return rv;
}

CK_RV
C_GetInfo(CK_INFO *info)
{
	struct call c;

	if (!call_begin(&c, FAULTMOD_GetInfo))
		return c.rv;
	return call_end(&c, call_real()->C_GetInfo(info));
}

/* Names that the linker may not take for another module's. */
__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	CK_RV rv = CKR_OK;

	if (call_page() == NULL)
		rv = attach();
	if (rv != CKR_OK)
		return rv;
#define FILL(name) list.C_##name = C_##name;
	FAULTMOD_FUNCTIONS(FILL)
	list.version.major = 2;
	list.version.minor = 40;
	call_page()->calls[FAULTMOD_GetFunctionList]++;
	*out = &list;
	return CKR_OK;
}
