#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace crosslaw::db {

// JSON files that hold a hash of themselves, so that no bit of them can change unnoticed.

inline constexpr const char* kOwnHash = "file_sha256";

// The object as a file's text, with the SHA-256 of all else in `field`.
std::string checked_text(nlohmann::json object, const char* field = kOwnHash);

// Whether `text`, which holds `object`, is what checked_text() wrote, to the last byte.
bool is_checked(const std::string& text, const nlohmann::json& object,
                const char* field = kOwnHash);

}  // namespace crosslaw::db
