/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into QEMU: says where it was when it died. On SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and
 * SIGTRAP the frames are written to standard error, each as MODULE+OFFSET, and the signal does what it
 * would have done. On SIGURG they are written as a sample, and the process goes on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 40, LINE = 512, STACK = 1 << 16 };

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP };
static char stack[STACK];

static void say(const char *text, int length)
{
    if (length > 0 && write(STDERR_FILENO, text, length < LINE ? length : LINE - 1) < 0) {
        return;
    }
}

static void frames(const char *kind, int sig, const void *address)
{
    void *at[FRAMES];
    char line[LINE];
    int count = backtrace(at, FRAMES);

    say(line, snprintf(line, LINE, "\nvmstate-%s: signal %d address %p\n", kind, sig, address));
    for (int i = 0; i < count; i++) {
        Dl_info info;
        const char *name = "?";
        unsigned long offset = (unsigned long)at[i];

        if (dladdr(at[i], &info) && info.dli_fname) {
            const char *slash = strrchr(info.dli_fname, '/');
            name = slash ? slash + 1 : info.dli_fname;
            offset -= (unsigned long)info.dli_fbase;
        }
        say(line, snprintf(line, LINE, "vmstate-frame: %.80s+%#lx\n", name, offset));
    }
    say(line, snprintf(line, LINE, "vmstate-end\n"));
}

static void on_fatal(int sig, siginfo_t *info, void *context)
{
    (void)context;
    frames("fault", sig, info->si_addr);
    /* SA_RESETHAND: the default does the rest. */
    raise(sig);
}

static void on_sample(int sig)
{
    frames("sample", sig, 0);
}

__attribute__((constructor)) static void install(void)
{
    void *warm[2];
    stack_t alternate = { .ss_sp = stack, .ss_size = STACK };
    struct sigaction die = { .sa_sigaction = on_fatal };
    struct sigaction look = { .sa_handler = on_sample, .sa_flags = SA_RESTART };

    /* The first backtrace loads a library: not in a handler. */
    backtrace(warm, 2);
    sigaltstack(&alternate, 0);
    die.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
    for (unsigned i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        sigaction(fatal[i], &die, 0);
    }
    sigaction(SIGURG, &look, 0);
}
