/* SPDX-License-Identifier: Apache-2.0 */
/* A stub for compiling exported documents: the names of QEMU's header, in words of our own. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VMS_SINGLE = 0x1, VMS_POINTER = 0x2, VMS_ARRAY = 0x4, VMS_STRUCT = 0x8, VMS_VARRAY_INT32 = 0x10,
    VMS_BUFFER = 0x20, VMS_ARRAY_OF_POINTER = 0x40, VMS_VARRAY_UINT16 = 0x80, VMS_VBUFFER = 0x100,
    VMS_MULTIPLY = 0x200, VMS_VARRAY_UINT8 = 0x400, VMS_VARRAY_UINT32 = 0x800,
    VMS_MUST_EXIST = 0x1000, VMS_ALLOC = 0x2000, VMS_MULTIPLY_ELEMENTS = 0x4000,
    VMS_VSTRUCT = 0x8000, VMS_ARRAY_OF_POINTER_AUTO_ALLOC = 0x10000, VMS_END = 0x20000,
};

typedef struct VMStateInfo { const char *name; } VMStateInfo;
typedef struct VMStateDescription VMStateDescription;
typedef struct VMStateField {
    const char *name;
    size_t offset, size, size_offset, num_offset, start;
    int num;
    const VMStateInfo *info;
    uint32_t flags;
    const VMStateDescription *vmsd;
    int version_id, struct_version_id;
    bool (*field_exists)(void *opaque, int version_id);
} VMStateField;
struct VMStateDescription {
    const char *name;
    int version_id, minimum_version_id;
    int (*pre_load)(void *opaque);
    int (*post_load)(void *opaque, int version_id);
    int (*pre_save)(void *opaque);
    bool (*needed)(void *opaque);
    const VMStateField *fields;
    const VMStateDescription *const *subsections;
};

#define STUB_INFO(x) extern const VMStateInfo vmstate_info_##x;
#define STUB_INFOS \
    STUB_INFO(bool) STUB_INFO(int8) STUB_INFO(int16) STUB_INFO(int32) STUB_INFO(int64) \
    STUB_INFO(uint8) STUB_INFO(uint16) STUB_INFO(uint32) STUB_INFO(uint64) STUB_INFO(uint8_equal) \
    STUB_INFO(uint16_equal) STUB_INFO(int32_equal) STUB_INFO(uint32_equal) STUB_INFO(uint64_equal) \
    STUB_INFO(int32_le) STUB_INFO(cpudouble) STUB_INFO(timer) STUB_INFO(buffer) STUB_INFO(fd) \
    STUB_INFO(unused_buffer) STUB_INFO(bitmap) STUB_INFO(ptr_marker) STUB_INFO(tmp) \
    STUB_INFO(qtailq) STUB_INFO(qlist) STUB_INFO(gtree) STUB_INFO(g_byte_array)
STUB_INFOS

#define STUB_FIELD(f, s, v, fl, ...) \
    { .name = #f, .offset = offsetof(s, f), .version_id = (v), .flags = (fl), __VA_ARGS__ }
#define STUB_M(s, m) .num_offset = offsetof(s, m)
#define STUB_T(t) .size = sizeof(t)
#define STUB_I(i) .info = &(i)
#define STUB_D(d) .vmsd = &(d)
#define STUB_N(n) .num = (n)

#define VMSTATE_END_OF_LIST() { .flags = VMS_END }
#define VMSTATE_SINGLE(f, s, v, i, t) STUB_FIELD(f, s, v, VMS_SINGLE, STUB_I(i), STUB_T(t))
#define VMSTATE_STRUCT(f, s, v, d, t) STUB_FIELD(f, s, v, VMS_STRUCT, STUB_D(d), STUB_T(t))
#define VMSTATE_ARRAY(f, s, n, v, i, t) \
    STUB_FIELD(f, s, v, VMS_ARRAY, STUB_N(n), STUB_I(i), STUB_T(t))
#define VMSTATE_STRUCT_ARRAY(f, s, n, v, d, t) \
    STUB_FIELD(f, s, v, VMS_STRUCT | VMS_ARRAY, STUB_N(n), STUB_D(d), STUB_T(t))
#define VMSTATE_ARRAY_OF_POINTER(f, s, n, v, i, t) \
    STUB_FIELD(f, s, v, VMS_ARRAY | VMS_ARRAY_OF_POINTER, STUB_N(n), STUB_I(i))
#define VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(f, s, n, v, d, t) \
    STUB_FIELD(f, s, v, VMS_ARRAY | VMS_STRUCT | VMS_ARRAY_OF_POINTER, STUB_N(n), STUB_D(d))
#define VMSTATE_STRUCT_VARRAY_UINT8(f, s, m, v, d, t) \
    STUB_FIELD(f, s, v, VMS_STRUCT | VMS_VARRAY_UINT8, STUB_M(s, m), STUB_D(d), STUB_T(t))
#define VMSTATE_STRUCT_VARRAY_INT32(f, s, m, v, d, t) \
    STUB_FIELD(f, s, v, VMS_STRUCT | VMS_VARRAY_INT32, STUB_M(s, m), STUB_D(d), STUB_T(t))
#define VMSTATE_STRUCT_VARRAY_UINT32(f, s, m, v, d, t) \
    STUB_FIELD(f, s, v, VMS_STRUCT | VMS_VARRAY_UINT32, STUB_M(s, m), STUB_D(d), STUB_T(t))
#define VMSTATE_STRUCT_VARRAY_ALLOC(f, s, m, v, d, t) \
    STUB_FIELD(f, s, v, VMS_STRUCT | VMS_VARRAY_INT32 | VMS_ALLOC | VMS_POINTER, STUB_M(s, m), \
               STUB_D(d), STUB_T(t))
#define VMSTATE_STRUCT_VARRAY_POINTER_KNOWN(f, s, n, v, d, t) \
    STUB_FIELD(f, s, v, VMS_STRUCT | VMS_ARRAY | VMS_POINTER, STUB_N(n), STUB_D(d), STUB_T(t))
#define VMSTATE_VARRAY_INT32(f, s, m, v, i, t) \
    STUB_FIELD(f, s, v, VMS_VARRAY_INT32 | VMS_POINTER, STUB_M(s, m), STUB_I(i), STUB_T(t))
#define VMSTATE_VARRAY_UINT32(f, s, m, v, i, t) \
    STUB_FIELD(f, s, v, VMS_VARRAY_UINT32 | VMS_POINTER, STUB_M(s, m), STUB_I(i), STUB_T(t))
#define VMSTATE_VARRAY_INT32_ALLOC(f, s, m, v, i, t) \
    STUB_FIELD(f, s, v, VMS_VARRAY_INT32 | VMS_POINTER | VMS_ALLOC, STUB_M(s, m), STUB_I(i), \
               STUB_T(t))
#define VMSTATE_VARRAY_UINT32_ALLOC(f, s, m, v, i, t) \
    STUB_FIELD(f, s, v, VMS_VARRAY_UINT32 | VMS_POINTER | VMS_ALLOC, STUB_M(s, m), STUB_I(i), \
               STUB_T(t))
#define VMSTATE_VARRAY_UINT16_ALLOC(f, s, m, v, i, t) \
    STUB_FIELD(f, s, v, VMS_VARRAY_UINT16 | VMS_POINTER | VMS_ALLOC, STUB_M(s, m), STUB_I(i), \
               STUB_T(t))
#define VMSTATE_VARRAY_UINT16_UNSAFE(f, s, m, v, i, t) \
    STUB_FIELD(f, s, v, VMS_VARRAY_UINT16, STUB_M(s, m), STUB_I(i), STUB_T(t))
#define STUB_AUTO(n) \
    (VMS_POINTER | n | VMS_ARRAY_OF_POINTER | VMS_STRUCT | VMS_ARRAY_OF_POINTER_AUTO_ALLOC)
#define VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT8_ALLOC(f, s, m, v, d, t) \
    STUB_FIELD(f, s, v, STUB_AUTO(VMS_VARRAY_UINT8), STUB_M(s, m), STUB_D(d), STUB_T(t))
#define VMSTATE_VARRAY_OF_POINTER_TO_STRUCT_UINT32_ALLOC(f, s, m, v, d, t) \
    STUB_FIELD(f, s, v, STUB_AUTO(VMS_VARRAY_UINT32), STUB_M(s, m), STUB_D(d), STUB_T(t))
