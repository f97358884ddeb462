/* SPDX-License-Identifier: Apache-2.0
 *
 * The adapter: preloaded into an unmodified qemu-system-* binary, it takes over once QEMU has set
 * itself up, and runs descriptions that come as text through the binary's own VMState engine.
 *
 * Declared here: what the parts of the adapter have to do with each other. The engine's ABI, which
 * differs by version, is in `abi-VERSION.h`.
 */
#ifndef ADAPTER_H
#define ADAPTER_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- the engine's ABI ---- */

typedef struct QEMUFile QEMUFile;
typedef struct JSONWriter JSONWriter;
typedef struct Error Error;
typedef struct VMStateField VMStateField;
typedef struct VMStateDescription VMStateDescription;

typedef struct VMStateInfo VMStateInfo;

/* Which version's layout and calls it is, the build says. */
#include ABI

/* ---- engine.c: the functions that are called in the binary, found by name ---- */

typedef struct {
    AbiLoad *load;
    AbiSave *save;
    int (*enroll)(void *, uint32_t, const VMStateDescription *, void *, int, int, Error **);
    int (*loadvm)(QEMUFile *, Error **);
    /* The state of the incoming side, whose first member is the file that it reads. */
    QEMUFile **(*incoming)(void);
    QEMUFile *(*input)(void *);
    QEMUFile *(*output)(void *);
    int (*error)(QEMUFile *);
    size_t (*get)(QEMUFile *, uint8_t *, size_t);
    int (*flush)(QEMUFile *);
    void *(*channel)(int fd);
    JSONWriter *(*json_new)(bool);
    void (*json_open)(JSONWriter *, const char *);
    void (*json_close)(JSONWriter *);
    const char *(*json_text)(JSONWriter *);
    const char *(*pretty)(const Error *);
    void (*timer_init)(void *, void *, int, int, int, void (*)(void *), void *);
    void (*timer_mod)(void *, int64_t);
    void (*timer_del)(void *);
    uint64_t (*timer_expiry)(void *);
    /* Descriptions are checked as they are registered where this is set. */
    bool *under_test;
} Engine;

extern Engine engine;

/* Fill `engine`; the name of a symbol that the binary lacks, or NULL. */
const char *engine_find(void);
/* A codec by the suffix of its C name, or NULL. */
const VMStateInfo *engine_info(const char *suffix);

/* ---- blocks.c: memory whose every overrun is seen ---- */

/* A zeroed block that ends at a guard page. `made`: the engine asked for it. Never NULL. */
void *block_new(size_t size, bool made);
/* From now on g_malloc and the like, called by the engine, give such blocks. */
void blocks_watch(bool on);
/* Forget all blocks. */
void blocks_reset(void);
/* Write each block as a line: `block ADDRESS SIZE MADE HEX`; those freed are left out. */
void blocks_dump(FILE *out);
/* Which kind of access a fault was: outside of a block, or through a wild pointer. */
const char *blocks_fault(const void *address, bool write);

/* ---- describe.c: descriptions out of text ---- */

typedef struct {
    char *at;
} Words;

/* The next word of a line, or "" at its end; numbers, and bytes given as hex ("-" is none). */
char *next_word(Words *);
long long next_number(Words *);
size_t next_bytes(Words *, uint8_t **);

void describe_reset(void);
/* Take a line that starts with `desc`, `field`, `pred` or `sub`; false where it is none of them. */
bool describe_line(const char *verb, Words *);
const VMStateDescription *describe_get(int number);
/* Which hook of the case was the last not to return 0, and what it returned: "" where none was. */
const char *describe_hook(int *returned);

/* ---- ram.c: blocks of RAM ---- */

/* Take a line `ram` or `capability`; false where it is neither. */
bool ram_line(const char *verb, Words *);
/* Make the blocks in the engine, and switch its capabilities on. */
void ram_make(void);
/* Write what has become of each: `ram NAME USED RUNS`. */
void ram_dump(FILE *out);

/* ---- run.c: one case ---- */

/* The text of why the process ends here is reported, and it ends. */
_Noreturn void die(const char *kind, const char *message);
/* Serve lines from `in` until its end. */
void serve(FILE *in, FILE *out);

#endif
