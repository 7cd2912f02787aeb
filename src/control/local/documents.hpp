// Whether a YAML text is one document. YAML::Load() reads the first and overlooks what follows;
// YAML::LoadAll() never returns for some texts that are no YAML.
#pragma once

#include <string>

namespace culvert::control::local {

// Throws Problem unless the first document has content, and nothing that follows it has: a text
// without content is no empty mesh but what a file looks like before its writer has begun, and
// policies in a second document would not be enforced. YAML::Exception for what is no YAML.
void require_one_document(const std::string& yaml);

}  // namespace culvert::control::local
