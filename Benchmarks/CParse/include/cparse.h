// The yardstick of the audit parser: the same work as AuditRecordHeader and AuditFieldTable, as a plain C byte loop.
#ifndef CPARSE_H
#define CPARSE_H

#include <stddef.h>
#include <stdint.h>

struct cparse_field {
    uint16_t key_start;
    uint16_t key_count;
    uint16_t value_start;
    uint16_t value_count;
    uint8_t form; // 0 bare, 1 "…", 2 '…', 3 {…}
};

// Reads the stamp and the offsets of every field, at most `cap`. Returns the number of fields, or SIZE_MAX where the
// record does not begin with a stamp.
size_t cparse_record(const uint8_t *p, size_t n, struct cparse_field *fields, size_t cap, uint64_t *time_ms,
                     uint32_t *serial);

// Calls of malloc, calloc and realloc in this program so far.
uint64_t cparse_allocations(void);

#endif
