/* SPDX-License-Identifier: Apache-2.0 */
static int call(int (*hook)(void *opaque))
{
    return hook ? hook(NULL) : 99;
}

static void show(const VMStateDescription *d)
{
    int subs = -1;

    if (d->subsections) {
        for (subs = 0; d->subsections[subs]; subs++) {
        }
    }
    printf("%s: %d %d %d %d %d %d\n", d->name, d->version_id, d->minimum_version_id, subs,
           call(d->pre_load), d->post_load ? d->post_load(NULL, 0) : 99, call(d->pre_save));
    for (const VMStateField *f = d->fields; f->flags != VMS_END; f++) {
        printf(" %s %zu %zu %zu %zu %zu %d %d %d %u %s %s %d\n", f->name, f->offset, f->size,
               f->size_offset, f->num_offset, f->start, f->num, f->version_id,
               f->struct_version_id, f->flags, f->info ? f->info->name : "-",
               f->vmsd ? f->vmsd->name : "-", f->field_exists != NULL);
    }
}
