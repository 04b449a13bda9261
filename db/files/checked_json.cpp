#include "db/files/checked_json.h"

#include <nlohmann/json.hpp>

#include "db/files/content_hash.h"

namespace crosslaw::db {

std::string checked_text(nlohmann::json object, const char* field) {
  object.erase(field);
  object[field] = sha256(object.dump());
  return object.dump(1) + "\n";
}

// Compared as text: blanks, escapes and digits are covered as well.
bool is_checked(const std::string& text, const nlohmann::json& object, const char* field) {
  return object.is_object() && object.contains(field) && text == checked_text(object, field);
}

}  // namespace crosslaw::db
