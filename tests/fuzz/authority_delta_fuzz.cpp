// A delta xDS client and server that get arbitrary requests and arbitrary changes: whenever the
// server has nothing more to say, the client must hold exactly what it asked for.
#include "authority/delta_session.hpp"

#include <cstdlib>
#include <map>
#include <set>
#include <string>

namespace {

using namespace culvert::authority;

// Hands out the input byte by byte; zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  // One of eight names; alias keys have an 'x'.
  std::string name() { return std::string(1, static_cast<char>('a' + byte() % 8)); }
  std::string key() { return byte() % 4 == 0 ? "x" + name() : name(); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

void must(bool ok) {
  if (!ok) std::abort();
}

class Mesh {
 public:
  void change(Input& in) {
    const auto name = in.name();
    const auto what = in.byte();
    if (what % 4 == 0)
      given_.erase(name);
    else
      given_[name] = {"x" + std::string(1, static_cast<char>('a' + what % 8)),
                      std::to_string(what % 16)};
    std::vector<Resource> resources;
    for (const auto& [key, value] : given_)
      resources.emplace_back(key, std::vector{value.first}, value.second);
    set_ = std::make_shared<const ResourceSet>(*ResourceSet::make(std::move(resources)));
  }
  const std::shared_ptr<const ResourceSet>& set() const { return set_; }

 private:
  std::map<std::string, std::pair<std::string, std::string>> given_;  // alias, body
  std::shared_ptr<const ResourceSet> set_ = std::make_shared<const ResourceSet>();
};

class Client {
 public:
  explicit Client(Input& in) {
    DeltaRequest first;
    wildcard_ = in.byte() % 2 == 0;
    if (!wildcard_) first.subscribe = first.unsubscribe = {"*"};
    for (int count = in.byte() % 4; count > 0; --count) {
      const auto name = in.name();
      const bool received = in.byte() % 4 != 0;
      first.initial_versions[name] = received ? "old" : "";
      if (received) held_[name] = "old";
      if (!received) held_.erase(name);
      asked_.insert(name);
    }
    session_.on_request(first);
  }

  void subscribe(Input& in) {
    DeltaRequest request;
    request.subscribe = {in.key()};
    asked_.insert(request.subscribe.front());
    session_.on_request(request);
  }
  void unsubscribe(Input& in) {
    DeltaRequest request;
    request.unsubscribe = {in.key()};
    asked_.erase(request.unsubscribe.front());
    if (!wildcard_) held_.erase(request.unsubscribe.front());
    session_.on_request(request);
  }
  void answer(Input& in) {
    DeltaRequest request;
    request.nonce = std::to_string(in.byte());
    if (in.byte() % 2 == 0) request.rejection = "no";
    session_.on_request(request);
  }
  bool read(const Mesh& mesh) {
    const auto response = session_.next(mesh.set());
    if (!response) return false;
    last_nonce_ = response->nonce;
    std::set<std::string> seen;
    for (const auto& resource : response->resources) {
      must(seen.insert(resource->name).second);
      held_[resource->name] = resource->version;
    }
    for (const auto& name : response->removed) {
      must(seen.insert(name).second);  // never both sent and removed, never twice
      held_.erase(name);
    }
    return true;
  }
  void check(const Mesh& mesh) {
    do {
      DeltaRequest request;
      request.nonce = last_nonce_;
      session_.on_request(request);
    } while (read(mesh));
    must(session_.unanswered() == 0);
    const auto& set = *mesh.set();
    for (const auto& [name, version] : held_) {
      const auto resource = set.find(name);
      must(resource && resource->version == version);
    }
    if (wildcard_) must(held_.size() == set.size());
    for (const auto& key : asked_)
      for (const auto& resource : set.resolve(key)) must(held_.contains(resource->name));
  }

 private:
  DeltaSession session_;
  bool wildcard_;
  std::string last_nonce_;
  std::map<std::string, std::string> held_;
  std::set<std::string> asked_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  Mesh mesh;
  Client client(in);
  while (!in.empty()) {
    switch (in.byte() % 6) {
      case 0:
        client.subscribe(in);
        break;
      case 1:
        client.unsubscribe(in);
        break;
      case 2:
        client.answer(in);
        break;
      case 3:
        client.read(mesh);
        break;
      case 4:
        client.check(mesh);
        break;
      default:
        mesh.change(in);
    }
  }
  client.check(mesh);
  return 0;
}
