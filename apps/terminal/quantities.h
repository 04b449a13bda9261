#pragma once

#include <string>

namespace crosslaw::apps {

// Costs for people to read; --json and CSV carry the exact ones. Counts: fit/write/table.h.
std::string format_flops(double flops);      // 5.1e22
std::string format_seconds(double seconds);  // 12 s, 3 min 20 s, 4 h 10 min, 12 d 3 h
std::string format_bytes(double bytes);      // 12 kB, 1.2 GB

}  // namespace crosslaw::apps
