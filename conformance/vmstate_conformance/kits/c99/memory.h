/* SPDX-License-Identifier: CC0-1.0
 *
 * The case's memory: real blocks with real pointers in them, every access checked before it happens.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

/* Where a case is given up: with a class of error (the stream is refused), or with what this testee
 * lacks (`unsupported`). `outcome_text` says which class, or what is needed. */
enum { REFUSED = 1, UNSUPPORTED = 2 };
extern jmp_buf outcome;
extern const char *outcome_text;

#ifdef __GNUC__
#define NORETURN __attribute__((__noreturn__))
#else
#define NORETURN
#endif

NORETURN void refuse(const char *error);
NORETURN void unsupported(const char *needs);

/* A zeroed block; NULL for no bytes. Refuses what is too large. All end with memory_reset(). */
uint8_t *memory_new(uint64_t size);
/* A block of which no byte can be accessed has an address all the same. */
uint8_t *memory_block(uint64_t size);
/* The place, after a check that `size` bytes are there; refuses where they are not. */
uint8_t *memory_at(uint64_t address, uint64_t size);
void memory_reset(void);

/* Little-endian numbers in memory. */
uint64_t get_number(uint64_t address, unsigned size);
void put_number(uint64_t address, unsigned size, uint64_t number);

/* States of a document's structs, by the types of case-format.md. */
uint64_t type_size(const Json *structs, const Json *type);
void state_write(const Json *structs, const Json *type, const Json *state, uint64_t address);
void state_read(Text *, const Json *structs, const Json *type, uint64_t address);

#endif
