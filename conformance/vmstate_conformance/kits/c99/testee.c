/* SPDX-License-Identifier: CC0-1.0
 *
 * A testee to begin with, in C99 and nothing but libc. It loads and saves scalars, buffers, arrays,
 * structs and arrays of pointers with AUTO_ALLOC, in the profile `hardened` of qemu-11.1.3; to everything
 * else it says `unsupported`.
 *
 *     cc -std=c99 -O2 -o testee testee.c memory.c json.c
 *     vmstate-conformance run --profile hardened --testee ./testee
 *
 * Then put your own implementation in the place of load_vmsd() and save_vmsd(), and let `demand` and the
 * hello say what it can do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum {
    POINTER = 8,
    NEST = 200,
    IDLE = 1 << 16, /* elements that consume nothing; a count from a stream may be anything */
    MARKER_NULL = 0x30,
    MARKER_VALID = 0x31,
    QEMU_VM_SUBSECTION = 0x05,
    EIO_ = -5,
    EINVAL_ = -22,
};

static const char HELLO[] =
    "{\"m\":\"hello\",\"protocol\":1,\"testee\":{\"name\":\"starter-kit\",\"version\":\"1\",\"language\":\"c\"},"
    "\"dialects\":[\"qemu-11.1.3\"],\"profiles\":[\"hardened\"],\"descriptions\":\"dynamic\","
    "\"caps\":{\"ops\":[\"load\",\"save\"],"
    "\"infos\":[\"bool\",\"int8\",\"int16\",\"int32\",\"int64\",\"uint8\",\"uint16\",\"uint32\",\"uint64\","
    "\"buffer\"],"
    "\"flags\":[\"VMS_SINGLE\",\"VMS_POINTER\",\"VMS_ARRAY\",\"VMS_STRUCT\",\"VMS_BUFFER\",\"VMS_ALLOC\","
    "\"VMS_ARRAY_OF_POINTER\",\"VMS_ARRAY_OF_POINTER_AUTO_ALLOC\",\"VMS_VARRAY_UINT8\","
    "\"VMS_VARRAY_UINT16\",\"VMS_VARRAY_UINT32\",\"VMS_VARRAY_INT32\"],"
    "\"hooks\":false,\"vmdesc\":false,\"heap\":false,\"errors\":\"fine\"},\"window\":8}\n";

/* ---- the case at hand ---- */

static const Json *structs, *descriptions;
static const uint8_t *wire;
static size_t wire_size, position;
static int stream_error, nest;
static uint8_t *out;
static size_t out_size, out_room;

/* ---- the stream, with QEMU's rules for its end: numbers go on with zeros, and the error is set ---- */

static void set_error(int error)
{
    if (!stream_error) {
        stream_error = error;
    }
}

static void take(uint8_t *to, size_t size)
{
    size_t there = wire_size - position < size ? wire_size - position : size;
    memcpy(to, wire + position, there);
    if (there < size) {
        /* QEMU has moved the unread bytes to its buffer's front when it finds that no more come, and then
         * copies from where they were. (Its buffer has 32 KiB; longer streams would need their place in it.) */
        if (!stream_error && position < there) {
            memmove(to, to + position, there - position);
            memcpy(to + there - position, wire + there, position);
        }
        set_error(EIO_);
    }
    position += there;
}

static uint64_t take_number(unsigned size)
{
    uint64_t number = 0;
    while (size--) {
        uint8_t byte = 0;
        take(&byte, 1);
        number = number << 8 | byte;
    }
    return number;
}

static uint8_t peek(size_t offset)
{
    if (position + offset < wire_size) {
        return wire[position + offset];
    }
    set_error(EIO_);
    return 0;
}

static void emit(const uint8_t *bytes, size_t size)
{
    if (out_room - out_size < size) {
        out_room = 2 * out_room + size + 256;
        out = realloc(out, out_room);
        if (!out) {
            abort();
        }
    }
    if (size) {
        memcpy(out + out_size, bytes, size);
    }
    out_size += size;
}

static void emit_number(unsigned size, uint64_t number)
{
    uint8_t bytes[8];
    for (unsigned i = size; i--; number >>= 8) {
        bytes[i] = (uint8_t)number;
    }
    emit(bytes, size);
}

/* ---- which elements a field has ---- */

typedef struct {
    const Json *json, *flags;
    const char *info;
    uint64_t first, count, size;
    bool pointers, is_auto, is_struct;
} Field;

static Field field_of(const Json *json, uint64_t object)
{
    static const struct {
        const char *flag;
        unsigned width;
    } counts[] = {{"VMS_VARRAY_INT32", 4}, {"VMS_VARRAY_UINT32", 4}, {"VMS_VARRAY_UINT16", 2}, {"VMS_VARRAY_UINT8", 1}};
    const Json *flags = json_get(json, "flags");
    Field field = {
        .json = json,
        .flags = flags,
        .info = json_text(json_get(json, "info"), ""),
        .first = object + json_uint(json_get(json, "offset"), 0),
        .count = 1,
        .pointers = json_has(flags, "VMS_ARRAY_OF_POINTER"),
        .is_auto = json_has(flags, "VMS_ARRAY_OF_POINTER_AUTO_ALLOC"),
        .is_struct = json_has(flags, "VMS_STRUCT"),
    };
    if (json_has(flags, "VMS_ARRAY")) {
        field.count = json_uint(json_get(json, "num"), 0);
    } else {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            if (json_has(flags, counts[i].flag)) {
                field.count = get_number(object + json_uint(json_get(json, "num_offset"), 0), counts[i].width);
                break;
            }
        }
    }
    field.size = field.pointers ? POINTER : json_uint(json_get(json, "size"), 0);
    return field;
}

static void follow(Field *field)
{
    field->first = get_number(field->first, POINTER);
    if (!field->first && field->count && field->size) {
        refuse("null-array");
    }
}

static unsigned width_of(const char *info)
{
    const char *digits = info + strcspn(info, "0123456789");
    return *digits ? (unsigned)atoi(digits) / 8 : 1;
}

static const Json *child_of(const Field *field, const char **name)
{
    *name = json_text(json_get(field->json, "vmsd"), "");
    return json_get(descriptions, *name);
}

static bool exists(const Json *json, int64_t version)
{
    return json_int(json_get(json, "version_id"), 0) <= version;
}

/* ---- load: vmstate_load_vmsd(), step by step ---- */

static void load_vmsd(const char *name, uint64_t object, int64_t version);

static uint64_t load_pointer(const Field *field, uint64_t slot)
{
    uint64_t target = get_number(slot, POINTER);
    if (target) {
        if (field->is_auto) {
            refuse("destination-not-null");
        }
        return target;
    }
    uint8_t marker = (uint8_t)take_number(1);
    if (marker == MARKER_NULL) {
        return 0;
    }
    if (marker != MARKER_VALID) {
        refuse("unexpected-ptr-marker");
    }
    if (!field->is_auto) {
        refuse("unexpected-valid-marker");
    }
    target = (uint64_t)(uintptr_t)memory_new(json_uint(json_get(field->json, "size"), 0));
    put_number(slot, POINTER, target);
    return target;
}

static void load_leaf(const Field *field, uint64_t at)
{
    if (!strcmp(field->info, "buffer")) {
        take(memory_at(at, field->size), field->size);
        return;
    }
    unsigned width = width_of(field->info);
    uint64_t number = take_number(width);
    put_number(at, width, strcmp(field->info, "bool") ? number : number != 0);
}

/* Load one element; a refusal from inside sets the stream's error on its way out. */
static void load_there(const Field *field, uint64_t at)
{
    jmp_buf outer;
    memcpy(&outer, &outcome, sizeof outer);
    int how = setjmp(outcome);
    if (how) {
        memcpy(&outcome, &outer, sizeof outer);
        if (how == REFUSED) {
            set_error(EINVAL_);
        }
        longjmp(outcome, how);
    }
    if (field->is_struct) {
        const char *name;
        const Json *child = child_of(field, &name);
        load_vmsd(name, at, json_int(json_get(child, "version_id"), 0));
    } else {
        load_leaf(field, at);
    }
    memcpy(&outcome, &outer, sizeof outer);
}

/* Whether there was an element; where there was none, nobody looks at the stream's error. */
static bool load_element(const Field *field, uint64_t at)
{
    if (field->pointers) {
        at = load_pointer(field, at);
    }
    if (at) {
        load_there(field, at);
    }
    return at;
}

static void load_field(const Json *json, uint64_t object)
{
    Field field = field_of(json, object);
    if (json_has(field.flags, "VMS_POINTER")) {
        uint64_t bytes = field.count * field.size;
        if (json_has(field.flags, "VMS_ALLOC") && bytes) {
            uint64_t made = (uint64_t)(uintptr_t)memory_new(bytes);
            put_number(field.first, POINTER, made);
        }
        follow(&field);
    }
    for (uint64_t i = 0, idle = 0; i < field.count; i++) {
        size_t before = position;
        /* QEMU cuts the distance of an element to 32 bits, with their sign. */
        uint64_t distance = (uint64_t)(int64_t)(int32_t)(uint32_t)(i * field.size);
        if (load_element(&field, field.first + distance) && stream_error) {
            refuse("stream-error");
        }
        if (!field.size && position == before) {
            return; /* all further elements are like this one */
        }
        idle = position == before ? idle + 1 : 0;
        if (idle > IDLE) {
            refuse("bad-count");
        }
    }
}

/* Descriptions with subsections are not supported, so that none is known. */
static void load_subsections(const char *name)
{
    size_t prefix = strlen(name), length;
    if (peek(0) != QEMU_VM_SUBSECTION || (length = peek(1)) <= prefix) {
        return;
    }
    if (wire_size - position - 2 < length) {
        set_error(EIO_);
    } else if (!memcmp(wire + position + 2, name, prefix)) {
        set_error(EINVAL_);
        refuse("unknown-subsection");
    }
}

static void load_vmsd(const char *name, uint64_t object, int64_t version)
{
    const Json *description = json_get(descriptions, name), *fields = json_get(description, "fields");
    if (version > json_int(json_get(description, "version_id"), 0)) {
        refuse("version-too-new");
    }
    if (version < json_int(json_get(description, "minimum_version_id"), 0)) {
        refuse("version-too-old");
    }
    if (++nest > NEST) {
        refuse("out-of-bounds");
    }
    for (const Json *each = fields ? fields->first : NULL; each; each = each->next) {
        if (exists(each, version)) {
            load_field(each, object);
        }
    }
    load_subsections(name);
    nest--;
}

/* ---- save: vmstate_save_vmsd(), less the vmdesc ---- */

static void save_vmsd(const char *name, uint64_t object);

static void save_element(const Field *field, uint64_t at)
{
    uint64_t size = field->size;
    if (field->is_auto && !field->pointers) {
        refuse("bad-count");
    }
    if (field->pointers) {
        at = get_number(at, POINTER);
        if (!at || field->is_auto) {
            emit_number(1, at ? MARKER_VALID : MARKER_NULL);
        }
        if (!at) {
            return;
        }
        if (field->is_auto) {
            size = json_uint(json_get(field->json, "size"), 0);
        }
    }
    if (field->is_struct) {
        const char *name;
        child_of(field, &name);
        save_vmsd(name, at);
    } else if (!strcmp(field->info, "buffer")) {
        emit(memory_at(at, size), size);
    } else {
        emit_number(width_of(field->info), get_number(at, width_of(field->info)));
    }
}

static void save_vmsd(const char *name, uint64_t object)
{
    const Json *description = json_get(descriptions, name), *fields = json_get(description, "fields");
    if (++nest > NEST) {
        refuse("out-of-bounds");
    }
    for (const Json *each = fields ? fields->first : NULL; each; each = each->next) {
        if (!exists(each, json_int(json_get(description, "version_id"), 0))) {
            continue;
        }
        Field field = field_of(each, object);
        if (json_has(field.flags, "VMS_POINTER")) {
            follow(&field);
        }
        for (uint64_t i = 0, idle = 0; i < field.count; i++) {
            size_t before = out_size;
            save_element(&field, field.first + i * field.size);
            if (!field.size && out_size == before) {
                break;
            }
            idle = out_size == before ? idle + 1 : 0;
            if (idle > IDLE) {
                refuse("bad-count");
            }
        }
    }
    nest--;
}

/* ---- the protocol ---- */

/* The number of a description, or -1. */
static int number_of(const char *name)
{
    int number = 0;
    for (const Json *each = descriptions->first; each; each = each->next, number++) {
        if (!strcmp(each->key, name)) {
            return number;
        }
    }
    return -1;
}

/* Whether descriptions of structs go round in a circle: take away those whose children are gone, until
 * none is left, or none can go. */
static bool circular(void)
{
    bool *gone = calloc(descriptions->count + 1, sizeof *gone), some = true;
    size_t left = descriptions->count;
    while (gone && some) {
        int number = 0;
        some = false;
        for (const Json *each = descriptions->first; each; each = each->next, number++) {
            bool free_to_go = !gone[number];
            const Json *fields = json_get(each, "fields");
            for (const Json *field = fields ? fields->first : NULL; field && free_to_go; field = field->next) {
                int child = json_has(json_get(field, "flags"), "VMS_STRUCT")
                                ? number_of(json_text(json_get(field, "vmsd"), ""))
                                : -1;
                free_to_go = child < 0 || gone[child];
            }
            if (free_to_go) {
                gone[number] = some = true;
                left--;
            }
        }
    }
    free(gone);
    return left;
}

/* Say what of a document this testee cannot do; infos and flags are in the hello already. */
static void demand(void)
{
    if (circular()) {
        unsupported("circles");
    }
    static const char *const keys[] = {"subsections", "needed", "hooks"};
    for (const Json *each = descriptions->first; each; each = each->next) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            const Json *given = json_get(each, keys[i]);
            if (given && given->kind != JSON_NULL) {
                unsupported(keys[i]);
            }
        }
        const Json *fields = json_get(each, "fields");
        for (const Json *field = fields ? fields->first : NULL; field; field = field->next) {
            bool is_struct = json_has(json_get(field, "flags"), "VMS_STRUCT");
            const Json *vmsd = json_get(field, "vmsd"), *when = json_get(field, "exists");
            if (when && when->kind != JSON_NULL) {
                unsupported("exists");
            }
            if (json_uint(json_get(field, "size_offset"), 0) || (vmsd && vmsd->kind != JSON_STRING) ||
                (is_struct ? !vmsd : !json_get(field, "info"))) {
                unsupported("fields");
            }
        }
    }
}

/* Where QEMU's own process would end; a hardened implementation refuses, and sets the stream's error. */
static bool aborts(const char *error)
{
    return !strcmp(error, "allocation-failed") || !strcmp(error, "destination-not-null") ||
           !strcmp(error, "null-array") || !strcmp(error, "out-of-bounds") ||
           !strcmp(error, "unexpected-valid-marker");
}

static uint8_t *unhex(const char *hex, size_t *size)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    *size = strlen(hex) / 2;
    for (size_t i = 0; bytes && i < *size; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return bytes;
}

static void perform(const Json *message, Text *answer)
{
    const Json *document = json_get(message, "document");
    bool loads = !strcmp(json_text(json_get(message, "op"), ""), "load");
    const char *root = json_text(json_get(document, "root"), "");
    uint8_t *volatile bytes = NULL;
    volatile bool began = false;
    structs = json_get(document, "structs");
    descriptions = json_get(document, "descriptions");
    position = out_size = 0;
    stream_error = nest = 0;
    const Json *name = json_get(json_get(descriptions, root), "struct");
    Json type = {.kind = JSON_OBJECT, .count = 1}, inner = {.kind = JSON_STRING, .key = "struct"};
    inner.text = json_text(name, "");
    type.first = &inner;
    static uint64_t object;
    const char *error = NULL;
    int how = setjmp(outcome);
    if (!how) {
        demand();
        object = (uint64_t)(uintptr_t)memory_block(type_size(structs, &type));
        state_write(structs, &type, json_get(message, loads ? "destination" : "state"), object);
        bytes = unhex(json_text(json_get(message, "stream"), ""), &wire_size);
        wire = bytes;
        began = true;
        if (loads) {
            load_vmsd(root, object, json_int(json_get(message, "version_id"), 0));
        } else {
            save_vmsd(root, object);
        }
    } else if (how == UNSUPPORTED || !began) {
        text_put(answer, ",\"verdict\":\"unsupported\",\"needs\":");
        text_quoted(answer, how == UNSUPPORTED ? outcome_text : "memory");
        free(bytes);
        return;
    } else {
        error = outcome_text;
    }
    if (error && aborts(error)) {
        set_error(EINVAL_);
    }
    const char *good = loads ? "accept" : "ok", *bad = loads ? "reject" : "error";
    text_put(answer, ",\"verdict\":\"%s\"", error ? bad : good);
    if (error) {
        text_put(answer, ",\"error\":\"%s\"", error);
    }
    if (loads) {
        text_put(answer, ",\"consumed\":%zu,\"stream_error\":%d,\"state\":", position, stream_error);
        state_read(answer, structs, &type, object);
    } else if (!error) {
        text_put(answer, ",\"stream\":");
        text_hex(answer, out, out_size);
    }
    free(bytes);
}

int main(void)
{
    static char line[4 << 20];
    Text answer = {0};
    while (fgets(line, sizeof line, stdin)) {
        const Json *message = json_read(line);
        const char *m = json_text(json_get(message, "m"), "bye");
        if (!strcmp(m, "hello")) {
            fputs(HELLO, stdout);
        } else if (!strcmp(m, "config")) {
            bool known = !strcmp(json_text(json_get(message, "dialect"), ""), "qemu-11.1.3") &&
                         !strcmp(json_text(json_get(message, "profile"), ""), "hardened");
            printf("{\"m\":\"config\",\"ok\":%s}\n", known ? "true" : "false");
        } else if (!strcmp(m, "run")) {
            answer.length = 0;
            text_put(&answer, "{\"m\":\"result\",\"id\":%s", json_text(json_get(message, "id"), "0"));
            perform(message, &answer);
            text_put(&answer, "}\n");
            fputs(answer.text, stdout);
            memory_reset();
        } else {
            break;
        }
        fflush(stdout);
    }
    json_forget();
    free(answer.text);
    free(out);
    return 0;
}
