#include "cparse.h"

static size_t header(const uint8_t *p, size_t n, uint64_t *time_ms, uint32_t *serial) {
    if (n < 14 || p[0] != 'a' || p[1] != 'u' || p[2] != 'd' || p[3] != 'i' || p[4] != 't' || p[5] != '(') return 0;
    size_t i = 6;
    uint64_t seconds = 0;
    while (i < n && i < 18 && (uint8_t)(p[i] - '0') <= 9) seconds = seconds * 10 + (uint64_t)(p[i++] - '0');
    if (i == 6 || n - i < 6 || p[i] != '.') return 0;
    uint8_t hundreds = p[i + 1] - '0', tens = p[i + 2] - '0', ones = p[i + 3] - '0';
    if (hundreds > 9 || tens > 9 || ones > 9 || p[i + 4] != ':') return 0;
    i += 5;
    size_t first = i;
    uint64_t number = 0;
    while (i < n && i - first < 10 && (uint8_t)(p[i] - '0') <= 9) number = number * 10 + (uint64_t)(p[i++] - '0');
    if (i == first || number > UINT32_MAX || i >= n || p[i] != ')') return 0;
    i++;
    if (i < n && p[i] == ':') i++;
    *time_ms = seconds * 1000 + hundreds * 100u + tens * 10u + ones;
    *serial = (uint32_t)number;
    return i;
}

static size_t last_quote(const uint8_t *p, size_t start, size_t end) {
    size_t limit = start + 1;
    while (limit < end && p[limit] != 0x1D) limit++;
    for (size_t i = limit; i > start + 1;)
        if (p[--i] == '\'') return i;
    return limit;
}

size_t cparse_record(const uint8_t *p, size_t n, struct cparse_field *fields, size_t cap, uint64_t *time_ms,
                     uint32_t *serial) {
    size_t i = header(p, n, time_ms, serial);
    if (i == 0) return SIZE_MAX;
    size_t end = n < UINT16_MAX ? n : UINT16_MAX;
    size_t count = 0;
    while (i < end && count < cap) {
        uint8_t c = p[i];
        if (c <= 0x20 || c == '(' || c == ',') {
            i++;
            continue;
        }
        size_t key = i;
        while (i < end && (c = p[i]) > 0x20 && c != '=') i++;
        if (i >= end) break;
        if (c != '=') continue;
        size_t key_end = i++;
        if (key_end == key) continue;
        size_t value = i, value_end;
        uint8_t form = 0;
        c = i < end ? p[i] : ' ';
        if (c == '"') {
            form = 1;
            value = ++i;
            while (i < end && p[i] != '"') i++;
            value_end = i++;
        } else if (c == '\'') {
            form = 2;
            value = i + 1;
            value_end = last_quote(p, i, end);
            i = value_end + 1;
        } else if (c == '{') {
            form = 3;
            value = ++i;
            while (i < end && p[i] != '}') i++;
            value_end = i++;
        } else {
            while (i < end && p[i] > 0x20) i++;
            value_end = i;
            if (value_end > value && p[value_end - 1] == ',') value_end--;
            if (value_end > value && p[value_end - 1] == ')' && p[value] != '(') value_end--;
        }
        fields[count++] = (struct cparse_field){(uint16_t)key, (uint16_t)(key_end - key), (uint16_t)value,
                                                (uint16_t)(value_end - value), form};
    }
    return count;
}
