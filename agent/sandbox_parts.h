/*
 * The two halves of a sandbox: system calls and files. Inside agent/sandbox*.c
 * only. Both say what failed in text, a sentence.
 */
#ifndef AGENT_SANDBOX_PARTS_H
#define AGENT_SANDBOX_PARTS_H

#include "agent/sandbox.h"

/*
 * The sanitizers' own needs: files of their own process, and another process
 * that looks for leaks. Such a build is for tests only.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* 0, or -1. */
int sandbox_calls(enum sandbox_kind kind, char *text, size_t textlen);

/* One of enum sandbox_err. */
int sandbox_files(enum sandbox_kind kind, const struct sandbox_path *paths,
    size_t npaths, char *text, size_t textlen);

#endif
