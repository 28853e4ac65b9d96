// An authority that a test trusts, and certificates that are right or wrong in one way.
#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace tasklane {

template <auto free_it>
struct FreedBy {
  template <class T>
  void operator()(T* what) const {
    free_it(what);
  }
};
using Certificate = std::unique_ptr<X509, FreedBy<X509_free>>;
using KeyPair = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;

// What a certificate says.
struct Vouched {
  std::string names = "DNS:localhost";  // as subjectAltName has them
  long from_days = -1;
  long to_days = 1;
};

class Authority {
 public:
  Authority() : key_(EVP_EC_gen("P-256")), certificate_(make("CN", {}, key_.get(), nullptr)) {}

  [[nodiscard]] KeyPair key() const { return KeyPair(EVP_EC_gen("P-256")); }
  [[nodiscard]] Certificate vouch(const Vouched& what, EVP_PKEY* key) const {
    return make("server", what, key, certificate_.get());
  }
  void write(const std::string& file) const {
    std::FILE* out = std::fopen(file.c_str(), "w");
    ASSERT_NE(nullptr, out);
    PEM_write_X509(out, certificate_.get());
    std::fclose(out);
  }

 private:
  static void extend(X509* to, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer == nullptr ? to : issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }
  Certificate make(const char* name, const Vouched& what, EVP_PKEY* key, X509* issuer) const {
    constexpr long day = 24 * 60 * 60;
    Certificate made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), what.from_days * day);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), what.to_days * day);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer == nullptr ? made.get() : issuer));
    X509_set_pubkey(made.get(), key);
    if (issuer == nullptr)
      extend(made.get(), issuer, NID_basic_constraints, "critical,CA:TRUE");
    else
      extend(made.get(), issuer, NID_subject_alt_name, what.names);
    X509_sign(made.get(), key_.get(), EVP_sha256());
    return made;
  }

  KeyPair key_;
  Certificate certificate_;
};

}  // namespace tasklane
