//! The view of a signing certificate that verification needs: names, validity, Fulcio extensions, SCTs.
