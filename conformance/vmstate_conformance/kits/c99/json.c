/* SPDX-License-Identifier: CC0-1.0 */
#include "json.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 512 };

/* ---- memory for one tree at a time ---- */

typedef struct Chunk {
    struct Chunk *next;
    size_t used, room;
    char bytes[];
} Chunk;

static Chunk *chunks;

static void *allot(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!chunks || chunks->room - chunks->used < size) {
        size_t room = size > 65536 ? size : 65536;
        Chunk *chunk = malloc(sizeof *chunk + room + 16);
        if (!chunk) {
            abort();
        }
        *chunk = (Chunk){chunks, (16 - (uintptr_t)chunk->bytes % 16) % 16, room + 16};
        chunks = chunk;
    }
    void *place = chunks->bytes + chunks->used;
    chunks->used += size;
    return memset(place, 0, size);
}

void json_forget(void)
{
    while (chunks) {
        Chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
}

/* ---- reading ---- */

static const char *at;
static int depth;

static Json *value(void);

static void space(void)
{
    while (*at && strchr(" \t\r\n", *at)) {
        at++;
    }
}

static bool word(const char *wanted)
{
    size_t length = strlen(wanted);
    if (strncmp(at, wanted, length)) {
        return false;
    }
    at += length;
    return true;
}

static char *utf8(char *to, unsigned long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

static bool four(unsigned long *code)
{
    char digits[5] = "";
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)at[i])) {
            return false;
        }
        digits[i] = at[i];
    }
    at += 4;
    *code = strtoul(digits, NULL, 16);
    return true;
}

static char *string(void)
{
    if (*at++ != '"') {
        return NULL;
    }
    const char *end = at;
    while (*end && *end != '"') {
        end += *end == '\\' && end[1] ? 2 : 1;
    }
    char *made = allot((size_t)(end - at) + 1), *to = made;
    while (*at && *at != '"') {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        at++;
        static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
        const char *known = *at ? strchr(names, *at) : NULL;
        unsigned long code, low;
        if (known) {
            *to++ = means[known - names];
            at++;
        } else if (*at++ == 'u' && four(&code)) {
            if (code >= 0xd800 && code < 0xdc00 && word("\\u") && four(&low)) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
            to = utf8(to, code);
        } else {
            return NULL;
        }
    }
    return *at++ == '"' ? made : NULL;
}

static bool members(Json *parent, char close)
{
    Json **end = &parent->first;
    at++;
    space();
    if (*at == close) {
        at++;
        return true;
    }
    for (;;) {
        char *key = NULL;
        if (close == '}') {
            space();
            key = string();
            space();
            if (!key || *at++ != ':') {
                return false;
            }
        }
        Json *child = value();
        if (!child) {
            return false;
        }
        child->key = key;
        *end = child;
        end = &child->next;
        parent->count++;
        space();
        if (*at == close) {
            at++;
            return true;
        }
        if (*at++ != ',') {
            return false;
        }
    }
}

static Json *value(void)
{
    Json *made = allot(sizeof *made);
    space();
    if (*at == '{' || *at == '[') {
        char close = *at == '{' ? '}' : ']';
        made->kind = *at == '{' ? JSON_OBJECT : JSON_ARRAY;
        if (++depth > DEPTH || !members(made, close)) {
            return NULL;
        }
        depth--;
        return made;
    }
    if (*at == '"') {
        made->kind = JSON_STRING;
        made->text = string();
        return made->text ? made : NULL;
    }
    if (word("null")) {
        made->kind = JSON_NULL;
    } else if (word("true")) {
        made->kind = JSON_TRUE;
    } else if (word("false")) {
        made->kind = JSON_FALSE;
    } else {
        size_t length = strspn(at, "+-.0123456789eE");
        char *digits = allot(length + 1);
        memcpy(digits, at, length);
        made->kind = JSON_NUMBER;
        made->text = digits;
        at += length;
        return length ? made : NULL;
    }
    return made;
}

const Json *json_read(const char *line)
{
    json_forget();
    at = line;
    depth = 0;
    const Json *made = value();
    if (made) {
        space();
    }
    return made && !*at ? made : NULL;
}

const Json *json_get(const Json *object, const char *key)
{
    if (!object || object->kind != JSON_OBJECT) {
        return NULL;
    }
    for (const Json *each = object->first; each; each = each->next) {
        if (!strcmp(each->key, key)) {
            return each;
        }
    }
    return NULL;
}

const Json *json_at(const Json *array, size_t index)
{
    const Json *each = array && array->kind == JSON_ARRAY ? array->first : NULL;
    while (each && index--) {
        each = each->next;
    }
    return each;
}

const char *json_text(const Json *value, const char *otherwise)
{
    return value && value->text ? value->text : otherwise;
}

int64_t json_int(const Json *value, int64_t otherwise)
{
    return (int64_t)json_uint(value, (uint64_t)otherwise);
}

uint64_t json_uint(const Json *value, uint64_t otherwise)
{
    if (!value || !value->text) {
        return otherwise;
    }
    /* strtoull takes a sign, and negates. */
    return strtoull(value->text, NULL, 10);
}

bool json_has(const Json *array, const char *text)
{
    for (const Json *each = array && array->kind == JSON_ARRAY ? array->first : NULL; each; each = each->next) {
        if (each->kind == JSON_STRING && !strcmp(each->text, text)) {
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

static char *more(Text *text, size_t size)
{
    if (text->room - text->length < size + 1) {
        text->room = 2 * text->room + size + 256;
        text->text = realloc(text->text, text->room);
        if (!text->text) {
            abort();
        }
    }
    return text->text + text->length;
}

void text_put(Text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *to = more(text, (size_t)size);
    va_start(arguments, format);
    vsnprintf(to, (size_t)size + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)size;
}

void text_hex(Text *text, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *to = more(text, 2 * size + 2);
    *to++ = '"';
    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to++ = '"';
    *to = 0;
    text->length += 2 * size + 2;
}

void text_quoted(Text *text, const char *string)
{
    text_put(text, "\"");
    for (; *string; string++) {
        unsigned char c = (unsigned char)*string;
        if (c == '"' || c == '\\') {
            text_put(text, "\\%c", c);
        } else if (c < 0x20) {
            text_put(text, "\\u%04x", c);
        } else {
            text_put(text, "%c", c);
        }
    }
    text_put(text, "\"");
}
