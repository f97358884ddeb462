/* SPDX-License-Identifier: Apache-2.0
 *
 * One case at a time, in a forked child, so that what kills the engine kills nothing else.
 *
 * A case is lines (see describe.c for those that make descriptions):
 *
 *   block N SIZE HEX            memory as it is before; N counts from 0
 *   ptr N OFFSET TARGET         a pointer to block TARGET
 *   into N OFFSET TARGET AT     a pointer into it
 *   wild N OFFSET               a pointer to nothing
 *   tree N OFFSET MEMBERS       a GTree: "direct", or the OFFSET:SIZE of what its keys are compared by
 *   node T KEY VALUE            one node of the T-th tree: block numbers, or a direct key
 *   bytes N OFFSET HEX          a GByteArray
 *   device DESC ROOT INSTANCE ALIAS   a registered description, for `stream`; see also ram.c
 *   run OP VERSION VMDESC DESC ROOT HEX
 *
 * The answer is, where the engine prints its causes, `printed TEXT` and `cause RETURNED HOOK RETURNED`;
 * `result GOOD STREAM_ERROR CONSUMED MESSAGE` and what has become of memory, or
 * `abort KIND MESSAGE`; then `end`. Texts are hex.
 */
#include "adapter.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { BLOCKS = 1 << 16, TREES = 1 << 10, DEVICES = 64, CASES = 500, DONE = 9 };

#define WILD ((void *)0xdead000000000000)

static FILE *answer;
static bool running;
/* How long the engine may take over one case. */
static unsigned seconds = 5;
/* Where lines come from while a case is still being described. */
static FILE *describing;

static void put_hex(const char *verb, const void *bytes, size_t size)
{
    fprintf(answer, "%s ", verb);
    for (size_t i = 0; i < size; i++) {
        fprintf(answer, "%02x", ((const unsigned char *)bytes)[i]);
    }
    fputs(size ? "\n" : "-\n", answer);
}

_Noreturn void die(const char *kind, const char *message)
{
    running = false;
    /* What is left of this case must not be taken for the next one. */
    char *line = NULL;
    size_t room = 0;
    while (describing && getline(&line, &room, describing) >= 0) {
        if (!strncmp(line, "run ", 4)) {
            break;
        }
    }
    fprintf(answer, "abort %s", kind);
    put_hex("", message, strlen(message));
    fputs("end\n", answer);
    fflush(answer);
    _exit(0);
}

/* ---- how a process ends ---- */

void __assert_fail(const char *expression, const char *file, unsigned line, const char *function)
{
    char message[1024];
    snprintf(message, sizeof message, "%s: Assertion `%s' failed.", function, expression);
    if (running) {
        die("assert", message);
    }
    fprintf(stderr, "%s:%u: %s\n", file, line, message);
    abort();
}

void g_assertion_message_expr(const char *domain, const char *file, int line, const char *function,
                              const char *expression)
{
    (void)domain;
    __assert_fail(expression ? expression : "not reached", file, (unsigned)line, function);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *at = context;
    if (!running) {
        _exit(128 + number);
    }
    if (number == SIGSEGV || number == SIGBUS) {
        die("memory", blocks_fault(info->si_addr, at->uc_mcontext.gregs[REG_ERR] & 2));
    }
    if (number == SIGALRM) {
        die("hang", "no end in time");
    }
    die(number == SIGTRAP ? "oom" : "assert", strsignal(number));
}

static void catch_faults(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGALRM};
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigset_t all;
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        sigaction(fatal[i], &action, NULL);
    }
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}

/* ---- memory as it is before ---- */

static void *memory[BLOCKS];
static size_t sizes[BLOCKS];
static int n_memory;

static struct {
    void *tree;
    struct {
        int offset, size;
    } members[64];
    int n_members;
} trees[TREES];
static int n_trees;

static struct {
    struct {
        uint8_t *data;
        unsigned length;
    } *array;
} arrays[TREES];
static int n_arrays;

static char *place(Words *words)
{
    long long number = next_number(words), offset = next_number(words);
    if (number < 0 || number >= n_memory || (size_t)offset + 8 > sizes[number]) {
        die("adapter", "a place outside of memory");
    }
    return (char *)memory[number] + offset;
}

static void *block_word(Words *words)
{
    long long number = next_number(words);
    if (number < 0 || number >= n_memory) {
        die("adapter", "no such block");
    }
    return memory[number];
}

static void store(char *at, const void *pointer)
{
    memcpy(at, &pointer, sizeof pointer);
}

static void block_line(Words *words)
{
    uint8_t *bytes;
    next_number(words);
    size_t size = (size_t)next_number(words), given = next_bytes(words, &bytes);
    if (n_memory == BLOCKS || given > size) {
        die("adapter", "too many blocks");
    }
    sizes[n_memory] = size;
    memory[n_memory] = memcpy(block_new(size, false), bytes, given);
    n_memory++;
    free(bytes);
}

static int order(const void *a, const void *b, void *opaque)
{
    const int number = (int)(intptr_t)opaque;
    if (!trees[number].n_members) {
        uint32_t x = (uint32_t)(uintptr_t)a, y = (uint32_t)(uintptr_t)b;
        return x < y ? -1 : x > y;
    }
    for (int i = 0; i < trees[number].n_members && trees[number].members[i].size; i++) {
        uint64_t x = 0, y = 0;
        memcpy(&x, (const char *)a + trees[number].members[i].offset, (size_t)trees[number].members[i].size);
        memcpy(&y, (const char *)b + trees[number].members[i].offset, (size_t)trees[number].members[i].size);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return 0;
}

static void tree_line(Words *words)
{
    char *at = place(words), *members = next_word(words);
    void *(*make)(int (*)(const void *, const void *, void *), void *, void *, void *) =
        dlsym(RTLD_DEFAULT, "g_tree_new_full");
    if (n_trees == TREES) {
        die("adapter", "too many trees");
    }
    trees[n_trees].n_members = 0;
    if (strcmp(members, "direct")) {
        for (char *each = strtok(members, ","); each; each = strtok(NULL, ",")) {
            int n = trees[n_trees].n_members++;
            if (n == 64) {
                die("adapter", "a key of too many members");
            }
            sscanf(each, "%d:%d", &trees[n_trees].members[n].offset, &trees[n_trees].members[n].size);
        }
    }
    trees[n_trees].tree = make(order, (void *)(intptr_t)n_trees, NULL, NULL);
    store(at, trees[n_trees++].tree);
}

static void node_line(Words *words)
{
    int number = (int)next_number(words);
    bool direct = !trees[number].n_members;
    void *key = direct ? (void *)strtoull(next_word(words), NULL, 10) : block_word(words);
    void (*insert)(void *, void *, void *) = dlsym(RTLD_DEFAULT, "g_tree_insert");
    insert(trees[number].tree, key, block_word(words));
}

static void bytes_line(Words *words)
{
    char *at = place(words);
    uint8_t *bytes;
    size_t size = next_bytes(words, &bytes);
    void *(*make)(void) = dlsym(RTLD_DEFAULT, "g_byte_array_new");
    void *(*append)(void *, const uint8_t *, unsigned) = dlsym(RTLD_DEFAULT, "g_byte_array_append");
    if (n_arrays == TREES) {
        die("adapter", "too many byte arrays");
    }
    void *array = append(make(), bytes, (unsigned)size);
    arrays[n_arrays++].array = array;
    store(at, array);
}

/* ---- memory as it is afterwards ---- */

static int put_node(void *key, void *value, void *opaque)
{
    (void)opaque;
    fprintf(answer, " %zu %zu", (size_t)key, (size_t)value);
    return 0;
}

static void put_memory(void)
{
    void (*each)(void *, int (*)(void *, void *, void *), void *) = dlsym(RTLD_DEFAULT, "g_tree_foreach");
    blocks_dump(answer);
    for (int i = 0; i < n_trees; i++) {
        fprintf(answer, "tree %zu", (size_t)trees[i].tree);
        each(trees[i].tree, put_node, NULL);
        fputc('\n', answer);
    }
    for (int i = 0; i < n_arrays; i++) {
        fprintf(answer, "array %zu %zu %u", (size_t)arrays[i].array, (size_t)arrays[i].array->data,
                arrays[i].array->length);
        put_hex("", arrays[i].array->data, arrays[i].array->length > 1 << 20 ? 0 : arrays[i].array->length);
    }
}

/* ---- the operations ---- */

static int file_of(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("case", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET)) {
        die("adapter", strerror(errno));
    }
    return fd;
}

static void put_result(bool good, int stream_error, size_t consumed, const Error *error)
{
    const char *message = error ? engine.pretty(error) : "";
    fprintf(answer, "result %d %d %zu", good, stream_error, consumed);
    put_hex("", message, strlen(message));
}

/* What QEMU prints while it works tells causes apart that it has one error, or none, for. */
static int printing(int *usual)
{
    int printed = file_of(NULL, 0);
    *usual = dup(2);
    dup2(printed, 2);
    return printed;
}

static void put_printed(int fd, int usual)
{
    static char printed[1 << 14];
    dup2(usual, 2);
    close(usual);
    ssize_t size = pread(fd, printed, sizeof printed, 0);
    put_hex("printed", printed, size > 0 ? (size_t)size : 0);
    close(fd);
}

/* What an engine that has no Error for its causes leaves: a number, and which hook last returned one. */
static void put_cause(int returned)
{
    int by_hook;
    const char *hook = describe_hook(&by_hook);
    fprintf(answer, "cause %d %s %d\n", returned, *hook ? hook : "-", by_hook);
}

static void load(const VMStateDescription *vmsd, void *root, int version, const uint8_t *bytes, size_t size)
{
    static uint8_t rest[1 << 16];
    int fd = file_of(bytes, size);
    QEMUFile *file = engine.input(engine.channel(dup(fd)));
    Error *error = NULL;
    int usual = -1, printed = ABI_PRINTS ? printing(&usual) : -1;
    running = true;
    alarm(seconds);
    blocks_watch(true);
    int returned = abi_load(engine.load, file, vmsd, root, version, &error);
    blocks_watch(false);
    alarm(0);
    running = false;
    if (ABI_PRINTS) {
        put_printed(printed, usual);
        put_cause(returned);
    }
    int stream_error = engine.error(file);
    size_t left = 0, part;
    while ((part = engine.get(file, rest, sizeof rest))) {
        left += part;
    }
    put_result(returned >= 0, stream_error, (size_t)lseek(fd, 0, SEEK_CUR) - left, error);
    put_memory();
    close(fd);
}

static void save(const VMStateDescription *vmsd, void *root, bool described)
{
    int fd = file_of(NULL, 0);
    QEMUFile *file = engine.output(engine.channel(dup(fd)));
    JSONWriter *vmdesc = described ? engine.json_new(false) : NULL;
    Error *error = NULL;
    if (vmdesc) {
        engine.json_open(vmdesc, NULL);
    }
    int usual = -1, printed = ABI_PRINTS ? printing(&usual) : -1;
    running = true;
    alarm(seconds);
    blocks_watch(true);
    int returned = abi_save(engine.save, file, vmsd, root, vmdesc, &error);
    bool good = returned >= 0;
    blocks_watch(false);
    if (vmdesc && good) {
        engine.json_close(vmdesc);
    }
    alarm(0);
    running = false;
    if (ABI_PRINTS) {
        put_printed(printed, usual);
        put_cause(returned);
    }
    engine.flush(file);
    put_result(good, engine.error(file), 0, error);
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    uint8_t *wire = malloc(size + 1);
    if (pread(fd, wire, size, 0) != (ssize_t)size) {
        die("adapter", strerror(errno));
    }
    put_hex("wire", wire, size);
    free(wire);
    if (vmdesc && good) {
        const char *text = engine.json_text(vmdesc);
        put_hex("json", text, strlen(text));
    }
    close(fd);
}

static struct {
    const VMStateDescription *vmsd;
    void *root;
    uint32_t instance;
    int alias;
} devices[DEVICES];
static int n_devices;

static void device_line(Words *words)
{
    if (n_devices == DEVICES) {
        die("adapter", "too many devices");
    }
    devices[n_devices].vmsd = describe_get((int)next_number(words));
    devices[n_devices].root = block_word(words);
    devices[n_devices].instance = (uint32_t)next_number(words);
    devices[n_devices++].alias = (int)next_number(words);
}

/* Register the devices, and load a whole stream into them. */
static void stream(const uint8_t *bytes, size_t size)
{
    static uint8_t rest[1 << 16];
    int fd = file_of(bytes, size);
    QEMUFile *file = engine.input(engine.channel(dup(fd)));
    Error *error = NULL;
    *engine.incoming() = file;
    running = true;
    alarm(seconds);
    ram_make();
    for (int i = 0; i < n_devices; i++) {
        const VMStateDescription *vmsd = devices[i].vmsd;
        engine.enroll(NULL, devices[i].instance, vmsd, devices[i].root, devices[i].alias,
                      vmsd->minimum_version_id, &error);
    }
    int usual, printed = printing(&usual);
    blocks_watch(true);
    bool good = engine.loadvm(file, &error) >= 0;
    blocks_watch(false);
    alarm(0);
    running = false;
    int stream_error = engine.error(file);
    size_t left = 0, part;
    while ((part = engine.get(file, rest, sizeof rest))) {
        left += part;
    }
    put_result(good, stream_error, (size_t)lseek(fd, 0, SEEK_CUR) - left, error);
    put_printed(printed, usual);
    ram_dump(answer);
    put_memory();
    close(fd);
}

/* Whether the process is of use for another case afterwards. */
static bool run_line(Words *words)
{
    describing = NULL;
    const char *op = next_word(words);
    int version = (int)next_number(words);
    bool described = next_number(words);
    const VMStateDescription *vmsd = describe_get((int)next_number(words));
    bool whole = !strcmp(op, "stream"), registered = whole || !strcmp(op, "check");
    /* A whole stream's devices say themselves where they are. */
    void *root = whole ? next_word(words) : block_word(words);
    uint8_t *bytes;
    size_t size = next_bytes(words, &bytes);
    if (whole) {
        stream(bytes, size);
    } else if (registered) {
        Error *error = NULL;
        running = true;
        alarm(seconds);
        *engine.under_test = true;
        engine.enroll(NULL, (uint32_t)-1, vmsd, root, -1, 0, &error);
        alarm(0);
        running = false;
        put_result(true, 0, 0, error);
    } else if (!strcmp(op, "load")) {
        load(vmsd, root, version, bytes, size);
    } else {
        save(vmsd, root, described);
    }
    fputs("end\n", answer);
    fflush(answer);
    free(bytes);
    blocks_reset();
    describe_reset();
    n_memory = n_trees = n_arrays = n_devices = 0;
    return !registered;
}

static void child(FILE *in)
{
    static char *line;
    static size_t room;
    catch_faults();
    for (int done = 0; done < CASES;) {
        describing = in;
        if (getline(&line, &room, in) < 0) {
            _exit(DONE);
        }
        Words words = {line};
        const char *verb = next_word(&words);
        if (!strcmp(verb, "block")) {
            block_line(&words);
        } else if (!strcmp(verb, "ptr")) {
            char *at = place(&words);
            store(at, block_word(&words));
        } else if (!strcmp(verb, "into")) {
            char *at = place(&words), *target = block_word(&words);
            store(at, target + next_number(&words));
        } else if (!strcmp(verb, "device")) {
            device_line(&words);
        } else if (!strcmp(verb, "wild")) {
            store(place(&words), WILD);
        } else if (!strcmp(verb, "tree")) {
            tree_line(&words);
        } else if (!strcmp(verb, "node")) {
            node_line(&words);
        } else if (!strcmp(verb, "bytes")) {
            bytes_line(&words);
        } else if (!strcmp(verb, "run")) {
            if (!run_line(&words)) {
                _exit(0);
            }
            done++;
        } else if (!describe_line(verb, &words) && !ram_line(verb, &words) && *verb) {
            die("adapter", verb);
        }
    }
    _exit(0);
}

void serve(FILE *in, FILE *out)
{
    const char *given = getenv("VMSTATE_ADAPTER_SECONDS");
    seconds = given && atoi(given) > 0 ? (unsigned)atoi(given) : seconds;
    answer = out;
    /* Whoever asks waits for each answer, so a child's buffer never holds lines of another case. */
    setvbuf(in, NULL, _IOFBF, 1 << 16);
    for (;;) {
        int status;
        pid_t pid = fork();
        if (!pid) {
            child(in);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
            die("adapter", strerror(errno));
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == DONE) {
            return;
        }
        if (WIFSIGNALED(status) || WEXITSTATUS(status)) {
            fprintf(out, "abort memory");
            put_hex("", "it died", 7);
            fputs("end\n", out);
            fflush(out);
        }
    }
}
