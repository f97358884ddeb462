/* SPDX-License-Identifier: Apache-2.0
 *
 * Real blocks of RAM, for the binary's own handler `ram` to load into:
 *
 *   ram NAME SIZE MOST KIND ADDRESS RUNS    a block; MOST 0: of a fixed size; KIND: 1 not to be migrated,
 *                                           2 in a file that is shared; RUNS: "4096*aa,4096*00"
 *   capability NAME                         a capability of migration that is on
 *
 * The answer is a line `ram NAME USED RUNS` for each, in the same order. Names are hex.
 */
#include "adapter.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 64, ROOM = 4096, FIXED = 1, SHARED = 2, RAM_SHARED = 1 << 1, RAM_NAMED_FILE = 1 << 9 };

typedef struct Region Region;
typedef struct RAMBlock RAMBlock;

static struct {
    char *name, *runs;
    uint64_t size, most, address;
    int kind;
    char *memory;
    RAMBlock *block;
} blocks[MOST];
static int count;
static char *capabilities[8];
static int n_capabilities;

static void *need(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (!found) {
        die("adapter", name);
    }
    return found;
}

static char *text_word(Words *words)
{
    uint8_t *bytes;
    size_t size = next_bytes(words, &bytes);
    char *text = calloc(1, size + 1);
    memcpy(text, bytes, size);
    free(bytes);
    return text;
}

static void ram_word(Words *words)
{
    if (count == MOST) {
        die("adapter", "too many blocks of RAM");
    }
    blocks[count].name = text_word(words);
    blocks[count].size = strtoull(next_word(words), NULL, 10);
    blocks[count].most = strtoull(next_word(words), NULL, 10);
    blocks[count].kind = (int)next_number(words);
    blocks[count].address = strtoull(next_word(words), NULL, 10);
    blocks[count++].runs = strdup(next_word(words));
}

bool ram_line(const char *verb, Words *words)
{
    if (!strcmp(verb, "ram")) {
        ram_word(words);
    } else if (!strcmp(verb, "capability") && n_capabilities < 8) {
        capabilities[n_capabilities++] = text_word(words);
    } else {
        return false;
    }
    return true;
}

static void set_capability(const char *name, Error **errp)
{
    struct {
        int capability;
        bool state;
    } value = {.state = true};
    struct {
        void *next, *value;
    } list = {NULL, &value};
    int (*parse)(const void *, const char *, int, Error **) = need("qapi_enum_parse");
    void (*set)(void *, Error **) = need("qmp_migrate_set_capabilities");
    value.capability = parse(need("MigrationCapability_lookup"), name, -1, errp);
    if (value.capability < 0) {
        die("adapter", name);
    }
    set(&list, errp);
}

static bool make(Region *region, int at, Error **errp)
{
    const char *name = blocks[at].name;
    uint64_t size = blocks[at].size;
    if (blocks[at].kind & SHARED) {
        bool (*init)(Region *, void *, const char *, uint64_t, uint32_t, int, uint64_t, Error **) =
            need("memory_region_init_ram_from_fd");
        int fd = memfd_create("ram", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t)size)) {
            die("adapter", "no shared memory");
        }
        return init(region, NULL, name, size, RAM_SHARED | RAM_NAMED_FILE, fd, 0, errp);
    }
    if (blocks[at].most) {
        bool (*init)(Region *, void *, const char *, uint64_t, uint64_t, void *, Error **) =
            need("memory_region_init_resizeable_ram");
        return init(region, NULL, name, size, blocks[at].most, NULL, errp);
    }
    bool (*init)(Region *, void *, const char *, uint64_t, uint32_t, Error **) =
        need("memory_region_init_ram_flags_nomigrate");
    return init(region, NULL, name, size, 0, errp);
}

static void fill(char *to, uint64_t size, const char *runs)
{
    for (char *end = to + size; *runs && *runs != '-';) {
        unsigned long length = strtoul(runs, (char **)&runs, 10);
        unsigned long byte = strtoul(runs + 1, (char **)&runs, 16);
        if (length > (size_t)(end - to)) {
            die("adapter", "more than the block");
        }
        memset(to, (int)byte, length);
        to += length;
        runs += *runs == ',';
    }
}

void ram_make(void)
{
    Error *error = NULL;
    void *(*pointer)(Region *) = need("memory_region_get_ram_ptr");
    void (*enroll)(Region *, void *) = need("vmstate_register_ram");
    void (*move)(Region *, uint64_t) = need("memory_region_set_address");
    RAMBlock *(*of)(void *, bool, uint64_t *) = need("qemu_ram_block_from_host");
    for (int i = 0; i < n_capabilities; i++) {
        set_capability(capabilities[i], &error);
        if (error) {
            die("adapter", engine.pretty(error));
        }
    }
    for (int i = 0; i < count; i++) {
        Region *region = calloc(1, ROOM);
        uint64_t offset;
        if (!make(region, i, &error)) {
            die("adapter", error ? engine.pretty(error) : "no block of RAM");
        }
        blocks[i].memory = pointer(region);
        blocks[i].block = of(blocks[i].memory, false, &offset);
        if (!(blocks[i].kind & FIXED)) {
            enroll(region, NULL);
        } else if (*blocks[i].name) {
            void (*call)(RAMBlock *, const char *, void *) = need("qemu_ram_set_idstr");
            call(blocks[i].block, blocks[i].name, NULL);
        }
        if (blocks[i].address) {
            move(region, blocks[i].address);
        }
        fill(blocks[i].memory, blocks[i].size, blocks[i].runs);
    }
}

void ram_dump(FILE *out)
{
    for (int i = 0; i < count; i++) {
        uint64_t (*length)(RAMBlock *) = need("qemu_ram_get_used_length");
        const unsigned char *memory = (const unsigned char *)blocks[i].memory;
        uint64_t used = length(blocks[i].block);
        fputs("ram ", out);
        for (const char *at = blocks[i].name; *at; at++) {
            fprintf(out, "%02x", (unsigned char)*at);
        }
        fprintf(out, "%s %llu ", *blocks[i].name ? "" : "-", (unsigned long long)used);
        for (uint64_t at = 0, end; at < used; at = end) {
            for (end = at + 1; end < used && memory[end] == memory[at]; end++) {
            }
            fprintf(out, "%s%llu*%02x", at ? "," : "", (unsigned long long)(end - at), memory[at]);
        }
        fputs(used ? "\n" : "-\n", out);
    }
}
