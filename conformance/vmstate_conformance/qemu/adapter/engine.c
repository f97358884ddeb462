/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the engine in the binary, and getting in: the library's __libc_start_main replaces main(),
 * lets QEMU set itself up, and then serves cases in place of running a machine.
 */
#include "adapter.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Engine engine;

const char *engine_find(void)
{
    static const struct {
        const char *name;
        void **to;
    } wanted[] = {
        {ABI_LOAD, (void **)&engine.load},
        {ABI_SAVE, (void **)&engine.save},
        {"vmstate_register_with_alias_id", (void **)&engine.enroll},
        {"qemu_loadvm_state", (void **)&engine.loadvm},
        {"migration_incoming_get_current", (void **)&engine.incoming},
        {"qemu_file_new_input", (void **)&engine.input},
        {"qemu_file_new_output", (void **)&engine.output},
        {"qemu_file_get_error", (void **)&engine.error},
        {"qemu_get_buffer", (void **)&engine.get},
        {"qemu_fflush", (void **)&engine.flush},
        {"qio_channel_file_new_fd", (void **)&engine.channel},
        {"json_writer_new", (void **)&engine.json_new},
        {"json_writer_start_object", (void **)&engine.json_open},
        {"json_writer_end_object", (void **)&engine.json_close},
        {"json_writer_get", (void **)&engine.json_text},
        {"error_get_pretty", (void **)&engine.pretty},
        {"timer_init_full", (void **)&engine.timer_init},
        {"timer_mod_ns", (void **)&engine.timer_mod},
        {"timer_del", (void **)&engine.timer_del},
        {"timer_expire_time_ns", (void **)&engine.timer_expiry},
        {"qtest_allowed", (void **)&engine.under_test},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].to = dlsym(RTLD_DEFAULT, wanted[i].name);
        if (!*wanted[i].to) {
            return wanted[i].name;
        }
    }
    return NULL;
}

/* A timer in a case is the 8 bytes of its expiry, -1 where it is not pending; a real one is made of it
 * for as long as the engine's own codec works on it. */

static const VMStateInfo *real_timer;

static void ring(void *opaque)
{
    (void)opaque;
}

static _Alignas(16) char stand_in[256];

static void *timer_up(const void *at)
{
    int64_t held;
    memcpy(&held, at, sizeof held);
    memset(stand_in, 0, sizeof stand_in);
    engine.timer_init(stand_in, NULL, 1, 1, 0, ring, NULL);
    if (held >= 0) {
        engine.timer_mod(stand_in, held);
    }
    return stand_in;
}

static void timer_down(void *at)
{
    int64_t held = (int64_t)engine.timer_expiry(stand_in);
    engine.timer_del(stand_in);
    if (at) {
        memcpy(at, &held, sizeof held);
    }
}

ABI_STAND_IN(our_timer, real_timer, timer_up, timer_down)

const VMStateInfo *engine_info(const char *suffix)
{
    char name[64];
    if (strlen(suffix) > 40) {
        return NULL;
    }
    snprintf(name, sizeof name, "vmstate_info_%s", suffix);
    const VMStateInfo *info = dlsym(RTLD_DEFAULT, name);
    if (info && !strcmp(suffix, "timer")) {
        real_timer = info;
        return our_timer();
    }
    return info;
}

/* The pipe to whoever asks: QEMU must find neither it nor a terminal. */
static FILE *in, *out;

static int in_place_of_main(int argc, char **argv, char **envp)
{
    (void)envp;
    void (*init)(int, char **) = (void (*)(int, char **))dlsym(RTLD_DEFAULT, "qemu_init");
    const char *missing = init ? engine_find() : "qemu_init";
    if (missing) {
        fprintf(out, "unknown the binary has no symbol %s\n", missing);
        fflush(out);
        _exit(3);
    }
    init(argc, argv);
    fprintf(out, "ready\n");
    fflush(out);
    serve(in, out);
    _exit(0);
}

typedef int Main(int, char **, char **);

int __libc_start_main(Main *original, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
    int (*start)(Main *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *) =
        dlsym(RTLD_NEXT, "__libc_start_main");
    const char *pipes = getenv("VMSTATE_ADAPTER");
    int from = -1, to = -1;
    if (pipes && sscanf(pipes, "%d,%d", &from, &to) == 2) {
        in = fdopen(from, "r");
        out = fdopen(to, "w");
        unsetenv("VMSTATE_ADAPTER");
        unsetenv("LD_PRELOAD");
    }
    return start(in && out ? in_place_of_main : original, argc, argv, init, fini, rtld_fini, stack_end);
}
