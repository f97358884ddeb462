/* SPDX-License-Identifier: CC0-1.0 */
#include "memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { POINTER = 8, MOST = 16 << 20, NEST = 400 };

jmp_buf outcome;
const char *outcome_text;

void refuse(const char *error)
{
    outcome_text = error;
    longjmp(outcome, REFUSED);
}

void unsupported(const char *needs)
{
    static char text[100];
    strncpy(text, needs, sizeof text - 1);
    outcome_text = text;
    longjmp(outcome, UNSUPPORTED);
}

/* ---- blocks ---- */

typedef struct {
    uint64_t base, size;
} Block;

static Block *blocks;
static size_t n_blocks, room;

uint8_t *memory_block(uint64_t size)
{
    if (size > MOST) {
        refuse("allocation-failed");
    }
    if (n_blocks == room) {
        room = 2 * room + 64;
        blocks = realloc(blocks, room * sizeof *blocks);
    }
    /* One byte more than can be used: no block then begins where another ends. */
    uint8_t *base = calloc(1, size + 1);
    if (!base || !blocks) {
        abort();
    }
    blocks[n_blocks++] = (Block){(uint64_t)(uintptr_t)base, size};
    return base;
}

uint8_t *memory_new(uint64_t size)
{
    return size ? memory_block(size) : NULL;
}

static const Block *block_at(uint64_t address)
{
    for (size_t i = n_blocks; i--;) {
        if (address >= blocks[i].base && address - blocks[i].base <= blocks[i].size) {
            return &blocks[i];
        }
    }
    return NULL;
}

uint8_t *memory_at(uint64_t address, uint64_t size)
{
    const Block *block = size ? block_at(address) : NULL;
    if (size && (!block || size > block->size - (address - block->base))) {
        refuse("out-of-bounds");
    }
    return (uint8_t *)(uintptr_t)address;
}

void memory_reset(void)
{
    while (n_blocks) {
        free((void *)(uintptr_t)blocks[--n_blocks].base);
    }
    free(blocks);
    blocks = NULL;
    room = 0;
}

uint64_t get_number(uint64_t address, unsigned size)
{
    const uint8_t *bytes = memory_at(address, size);
    uint64_t number = 0;
    for (unsigned i = size; i--;) {
        number = number << 8 | bytes[i];
    }
    return number;
}

void put_number(uint64_t address, unsigned size, uint64_t number)
{
    uint8_t *bytes = memory_at(address, size);
    for (unsigned i = 0; i < size; i++, number >>= 8) {
        bytes[i] = (uint8_t)number;
    }
}

/* ---- types ---- */

static unsigned scalar_size(const Json *type)
{
    static const struct {
        const char *name;
        unsigned size;
    } scalars[] = {{"bool", 1},   {"int8", 1},  {"uint8", 1}, {"int16", 2}, {"uint16", 2},
                   {"int32", 4},  {"uint32", 4}, {"int64", 8}, {"uint64", 8}};
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        if (!strcmp(type->text, scalars[i].name)) {
            return scalars[i].size;
        }
    }
    unsupported("types");
}

uint64_t type_size(const Json *structs, const Json *type)
{
    if (type->kind == JSON_STRING) {
        return scalar_size(type);
    }
    const Json *inner;
    if ((inner = json_get(type, "struct"))) {
        return json_uint(json_get(json_get(structs, inner->text), "size"), 0);
    }
    if ((inner = json_get(type, "bytes"))) {
        return json_uint(inner, 0);
    }
    if ((inner = json_get(type, "array"))) {
        return type_size(structs, inner) * json_uint(json_get(type, "count"), 0);
    }
    if (json_get(type, "pointer")) {
        return POINTER;
    }
    unsupported("types");
}

/* What a pointer points at: raw bytes, as many items as fit, or one value. */
static const Json *many(const Json *target)
{
    return target->kind == JSON_OBJECT && target->count == 1 ? json_get(target, "array") : NULL;
}

static bool raw(const Json *target)
{
    const Json *bytes = json_get(target, "bytes");
    return bytes && bytes->kind == JSON_NULL;
}

/* ---- writing states ---- */

static void put_hex(const Json *state, uint64_t address)
{
    size_t size = strlen(state->text) / 2;
    uint8_t *to = memory_at(address, size);
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {state->text[2 * i], state->text[2 * i + 1], 0};
        to[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static void put_items(const Json *structs, const Json *item, const Json *state, uint64_t address)
{
    uint64_t step = type_size(structs, item);
    for (const Json *each = state->first; each; each = each->next, address += step) {
        state_write(structs, item, each, address);
    }
}

static uint64_t made(const Json *structs, const Json *target, const Json *state)
{
    if (json_get(state, "wild")) {
        unsupported("wild");
    }
    uint64_t address;
    if (raw(target)) {
        address = (uint64_t)(uintptr_t)memory_block(strlen(state->text) / 2);
        put_hex(state, address);
    } else if (many(target)) {
        uint64_t size = type_size(structs, many(target)) * state->count;
        address = (uint64_t)(uintptr_t)memory_block(size);
        put_items(structs, many(target), state, address);
    } else {
        address = (uint64_t)(uintptr_t)memory_block(type_size(structs, target));
        state_write(structs, target, state, address);
    }
    return address;
}

void state_write(const Json *structs, const Json *type, const Json *state, uint64_t address)
{
    if (type->kind == JSON_STRING) {
        put_number(address, scalar_size(type), json_uint(state, 0));
    } else if (json_get(type, "struct")) {
        const Json *members = json_get(json_get(structs, json_get(type, "struct")->text), "members");
        for (const Json *member = members ? members->first : NULL; member; member = member->next) {
            const Json *held = json_get(state, json_text(json_get(member, "name"), ""));
            uint64_t offset = json_uint(json_get(member, "offset"), 0);
            if (held) {
                state_write(structs, json_get(member, "type"), held, address + offset);
            }
        }
    } else if (json_get(type, "bytes")) {
        put_hex(state, address);
    } else if (json_get(type, "array")) {
        put_items(structs, json_get(type, "array"), state, address);
    } else if (json_get(type, "pointer")) {
        const Json *target = json_get(type, "pointer");
        put_number(address, POINTER, state->kind == JSON_NULL ? 0 : made(structs, target, state));
    } else {
        unsupported("types");
    }
}

/* ---- reading states ---- */

static void read_items(Text *text, const Json *structs, const Json *item, uint64_t address, uint64_t count)
{
    uint64_t step = type_size(structs, item);
    text_put(text, "[");
    for (uint64_t i = 0; i < count; i++) {
        text_put(text, i ? "," : "");
        state_read(text, structs, item, address + i * step);
    }
    text_put(text, "]");
}

static void read_behind(Text *text, const Json *structs, const Json *target, uint64_t address)
{
    static int nest;
    const Block *block = address ? block_at(address) : NULL;
    if (!address) {
        text_put(text, "null");
    } else if (!block || block->base != address || nest > NEST) {
        text_put(text, "{\"wild\":1}");
    } else if (raw(target)) {
        text_hex(text, memory_at(address, block->size), block->size);
    } else {
        uint64_t step = type_size(structs, many(target) ? many(target) : target);
        nest++;
        if (many(target)) {
            read_items(text, structs, many(target), address, step ? block->size / step : 0);
        } else if (step <= block->size) {
            state_read(text, structs, target, address);
        } else {
            text_put(text, "{\"wild\":1}");
        }
        nest--;
    }
}

static void read_scalar(Text *text, const Json *type, uint64_t address)
{
    unsigned size = scalar_size(type);
    uint64_t number = get_number(address, size);
    if (type->text[0] == 'i') {
        int64_t wide = (int64_t)(number << (64 - 8 * size)) >> (64 - 8 * size);
        text_put(text, "\"%" PRId64 "\"", wide);
    } else {
        text_put(text, "\"%" PRIu64 "\"", number);
    }
}

void state_read(Text *text, const Json *structs, const Json *type, uint64_t address)
{
    if (type->kind == JSON_STRING) {
        read_scalar(text, type, address);
    } else if (json_get(type, "struct")) {
        const Json *members = json_get(json_get(structs, json_get(type, "struct")->text), "members");
        text_put(text, "{");
        for (const Json *member = members ? members->first : NULL; member; member = member->next) {
            text_put(text, member == members->first ? "" : ",");
            text_quoted(text, json_text(json_get(member, "name"), ""));
            text_put(text, ":");
            uint64_t offset = json_uint(json_get(member, "offset"), 0);
            state_read(text, structs, json_get(member, "type"), address + offset);
        }
        text_put(text, "}");
    } else if (json_get(type, "bytes")) {
        uint64_t size = json_uint(json_get(type, "bytes"), 0);
        text_hex(text, memory_at(address, size), size);
    } else if (json_get(type, "array")) {
        uint64_t count = json_uint(json_get(type, "count"), 0);
        read_items(text, structs, json_get(type, "array"), address, count);
    } else if (json_get(type, "pointer")) {
        read_behind(text, structs, json_get(type, "pointer"), get_number(address, POINTER));
    } else {
        unsupported("types");
    }
}
