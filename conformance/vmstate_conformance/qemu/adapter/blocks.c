/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for cases. Each block is a mapping of its own that ends at guard pages, so that reading or
 * writing one byte too far faults at once; what lies before it is a guard page too. Fresh memory is zero.
 *
 * GLib's allocation functions are interposed. While a case runs, what the engine asks for comes from here;
 * what the error functions ask for, and everything else, goes to GLib as ever.
 */
#include "adapter.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The guards are as wide as strides of real descriptions are, so that none steps over one. */
enum { PAGE = 4096, GUARD = 1 << 20, MOST = 1 << 17, DUMPED = 1 << 20 };

/* As the case format has it: so much in one block is more than any machine gives. */
#define TOO_MUCH ((size_t)1 << 46)

typedef struct {
    char *base, *map;
    size_t size, mapped;
    bool made, freed;
} Block;

static Block *blocks;
static int count;
static bool watching;

void *block_new(size_t size, bool made)
{
    if (!blocks) {
        blocks = mmap(NULL, MOST * sizeof *blocks, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (size >= TOO_MUCH) {
        die("oom", "an allocation that no machine can give");
    }
    if (count == MOST) {
        die("oom", "more blocks than the adapter keeps");
    }
    size_t inner = (size + PAGE - 1) / PAGE * PAGE;
    size_t mapped = inner + 2 * GUARD;
    char *map = mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED || (inner && mprotect(map + GUARD, inner, PROT_READ | PROT_WRITE))) {
        die("oom", "the kernel gives no more memory");
    }
    Block *block = &blocks[count++];
    *block = (Block){map + GUARD + inner - size, map, size, mapped, made, false};
    return block->base;
}

void blocks_watch(bool on)
{
    watching = on;
}

void blocks_reset(void)
{
    watching = false;
    for (int i = 0; i < count; i++) {
        munmap(blocks[i].map, blocks[i].mapped);
    }
    count = 0;
}

static Block *block_at(const void *address)
{
    for (int i = count - 1; i >= 0; i--) {
        if (blocks[i].base == address) {
            return &blocks[i];
        }
    }
    return NULL;
}

static void put_bytes(FILE *out, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t at = 0; at < size; at++) {
        unsigned char byte = (unsigned char)bytes[at];
        fputc(digits[byte >> 4], out);
        fputc(digits[byte & 15], out);
    }
    fputs(size ? "\n" : "-\n", out);
}

/* The pages of a large block that were ever touched; what is beyond the first 4 GiB is not looked at. */
static void put_parts(FILE *out, const Block *block)
{
    static unsigned char resident[1 << 20];
    char *first = block->map + GUARD;
    size_t pages = (block->mapped - 2 * GUARD) / PAGE;
    pages = pages < sizeof resident ? pages : sizeof resident;
    if (mincore(first, pages * PAGE, resident)) {
        return;
    }
    for (size_t page = 0; page < pages; page++) {
        if (resident[page] & 1) {
            char *from = first + page * PAGE, *to = from + PAGE;
            from = from < block->base ? block->base : from;
            fprintf(out, "part %zu %zu ", (size_t)block->base, (size_t)(from - block->base));
            put_bytes(out, from, (size_t)(to - from));
        }
    }
}

void blocks_dump(FILE *out)
{
    for (int i = 0; i < count; i++) {
        const Block *block = &blocks[i];
        if (block->freed) {
            continue;
        }
        fprintf(out, "block %zu %zu %d ", (size_t)block->base, block->size, block->made);
        if (block->size > DUMPED) {
            fputs("-\n", out);
            put_parts(out, block);
        } else {
            put_bytes(out, block->base, block->size);
        }
    }
}

const char *blocks_fault(const void *address, bool write)
{
    for (int i = 0; i < count; i++) {
        const char *at = address;
        if (at >= blocks[i].map && at < blocks[i].map + blocks[i].mapped) {
            return write ? "write outside of a block" : "read outside of a block";
        }
    }
    return write ? "write through a wild pointer" : "read through a wild pointer";
}

/* Whether the caller makes an Error: its nearest exported neighbours in the binary tell. */
static bool for_an_error(const void *caller)
{
    static uintptr_t first, last;
    if (!first) {
        static const char *const names[] = {"error_vprepend", "error_prepend", "error_append_hint",
                                            "error_copy", "error_setg_internal", "error_propagate",
                                            "error_set_internal", "error_setg_errno_internal",
                                            "error_free", "error_propagate_prepend"};
        first = UINTPTR_MAX;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            uintptr_t at = (uintptr_t)dlsym(RTLD_DEFAULT, names[i]);
            if (at && at < first) {
                first = at;
            }
            if (at > last) {
                last = at;
            }
        }
        /* Static functions stand around the exported ones. */
        first -= 0x400;
        last += 0x400;
    }
    return (uintptr_t)caller >= first && (uintptr_t)caller < last;
}

static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) {
        abort();
    }
    return function;
}

#define OURS (watching && !for_an_error(__builtin_return_address(0)))

static size_t product(size_t a, size_t b)
{
    size_t bytes;
    return __builtin_mul_overflow(a, b, &bytes) ? SIZE_MAX : bytes;
}

void *g_malloc(size_t size)
{
    static void *(*next)(size_t);
    if (OURS) {
        return size ? block_new(size, true) : NULL;
    }
    next = next ? next : real("g_malloc");
    return next(size);
}

void *g_malloc0(size_t size)
{
    static void *(*next)(size_t);
    if (OURS) {
        return size ? block_new(size, true) : NULL;
    }
    next = next ? next : real("g_malloc0");
    return next(size);
}

void *g_malloc_n(size_t number, size_t size)
{
    static void *(*next)(size_t, size_t);
    if (OURS) {
        return number && size ? block_new(product(number, size), true) : NULL;
    }
    next = next ? next : real("g_malloc_n");
    return next(number, size);
}

void *g_malloc0_n(size_t number, size_t size)
{
    static void *(*next)(size_t, size_t);
    if (OURS) {
        return number && size ? block_new(product(number, size), true) : NULL;
    }
    next = next ? next : real("g_malloc0_n");
    return next(number, size);
}

void g_free(void *memory)
{
    static void (*next)(void *);
    Block *block = watching && memory ? block_at(memory) : NULL;
    if (block) {
        /* Whoever still has the address finds a guard page there. */
        mprotect(block->map, block->mapped, PROT_NONE);
        block->freed = true;
        return;
    }
    next = next ? next : real("g_free");
    next(memory);
}
